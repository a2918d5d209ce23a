//! Why an operation isn't done: a status, a code for programs and a sentence for people.

use super::model::{Answer, Problem, ProblemAnswer};
use crate::exchange::Unreachable;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::borrow::Cow;
use utoipa::IntoResponses;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What was asked makes no sense.
    Bad(String),
    /// Without the token, or with another.
    Unauthorized,
    Forbidden(&'static str),
    NoRoom,
    NoSocket,
    NoNode,
    NoOperation,
    WrongMethod,
    /// The body has more bytes than this.
    TooLarge {
        most: usize,
    },
    /// Some part that has to be asked can't be.
    Unavailable(String),
}

impl Refusal {
    pub(super) fn bad(why: impl Into<String>) -> Self {
        Self::Bad(why.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NoRoom | Self::NoSocket | Self::NoNode | Self::NoOperation => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Bad(_) => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NoRoom => "room_not_found",
            Self::NoSocket => "socket_not_found",
            Self::NoNode => "node_not_found",
            Self::NoOperation => "not_found",
            Self::WrongMethod => "method_not_allowed",
            Self::TooLarge { .. } => "too_large",
            Self::Unavailable(_) => "unavailable",
        }
    }

    fn message(&self) -> Cow<'_, str> {
        let sentence: &str = match self {
            Self::TooLarge { most } => {
                return format!("the body is over {most} bytes, which is --max-frame").into();
            }
            Self::Bad(why) | Self::Unavailable(why) => why,
            Self::Forbidden(why) => why,
            Self::Unauthorized => {
                "the token is missing or wrong: send Authorization: Bearer and the --admin-token"
            }
            Self::NoRoom => "nobody is in a room of this name",
            Self::NoSocket => "no member has this id",
            Self::NoNode => "there is no node of this name",
            Self::NoOperation => "there is no such operation; /api/v1/openapi.json has them all",
            Self::WrongMethod => "this operation has another method; /api/v1/openapi.json has it",
        };
        sentence.into()
    }
}

impl From<Unreachable> for Refusal {
    fn from(Unreachable(why): Unreachable) -> Self {
        Self::Unavailable(why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem { code: self.code().into(), message: self.message().into_owned() };
        let mut response = Answer(self.status(), ProblemAnswer { error: problem }).into_response();
        if self == Self::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What any operation may answer instead.
#[allow(dead_code, reason = "it is there for the document")]
#[derive(IntoResponses)]
pub(super) enum Refused {
    /// What was asked makes no sense: `bad_request`
    #[response(status = 400)]
    Bad(ProblemAnswer),
    /// The token is missing or wrong: `unauthorized`
    #[response(status = 401)]
    Unauthorized(ProblemAnswer),
    /// There is no `--admin-token`, or a page of another site asks: `forbidden`
    #[response(status = 403)]
    Forbidden(ProblemAnswer),
    /// `room_not_found`, `socket_not_found` or `node_not_found`
    #[response(status = 404)]
    NotFound(ProblemAnswer),
    /// The body is over `--max-frame`: `too_large`
    #[response(status = 413)]
    TooLarge(ProblemAnswer),
    /// Redis, or the node, can't be asked at the moment: `unavailable`
    #[response(status = 503)]
    Unavailable(ProblemAnswer),
}
