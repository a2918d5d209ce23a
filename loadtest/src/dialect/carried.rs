//! What is in an offer, an answer and a candidate of SkyRTC's and of Switchboard's: they are alike.

use super::{Kind, text};
use serde::{Deserialize, de::Error};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Described<'a> {
    #[serde(rename = "socketId")]
    from: &'a str,
    #[serde(borrow)]
    sdp: Sdp<'a>,
}

#[derive(Deserialize)]
struct Sdp<'a> {
    #[serde(borrow)]
    sdp: &'a RawValue,
}

#[derive(Deserialize)]
struct Candidate<'a> {
    #[serde(rename = "socketId")]
    from: &'a str,
    #[serde(borrow)]
    candidate: &'a RawValue,
}

/// Whom a message is from, and its body.
pub(super) fn read(kind: Kind, data: &str) -> serde_json::Result<(&str, &str)> {
    let (from, body) = match kind {
        Kind::Offer | Kind::Answer => {
            let Described { from, sdp } = serde_json::from_str(data)?;
            (from, sdp.sdp)
        }
        Kind::Candidate => {
            let Candidate { from, candidate } = serde_json::from_str(data)?;
            (from, candidate)
        }
    };
    let body = text::inside(body).ok_or_else(|| serde_json::Error::custom("its body isn't a string"))?;
    Ok((from, body))
}
