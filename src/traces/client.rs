//! How the exporter asks the collector: over the node's own client, with the trust that webhooks have.

use crate::outbound::{Client, Target};
use async_trait::async_trait;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, USER_AGENT};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::sync::{Arc, Mutex, PoisonError};

/// Sends spans to a collector.
#[derive(Debug)]
pub(super) struct CollectorClient {
    client: Client,
    authorization: Option<HeaderValue>,
    failure: Failure,
}

/// Why the collector's last answer wasn't one of success. The exporter itself says only that it failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<Mutex<Option<String>>>);

impl CollectorClient {
    pub(super) fn new(client: Client, target: &Target, failure: Failure) -> Self {
        Self { client, authorization: target.authorization().cloned(), failure }
    }
}

impl Failure {
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, why: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = request.map(Full::new);
        let headers = request.headers_mut();
        headers
            .insert(USER_AGENT, HeaderValue::from_static(concat!("switchboard/", env!("CARGO_PKG_VERSION"))));
        if let Some(authorization) = &self.authorization {
            headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        let answer = self.client.tell(request).await.inspect_err(|failure| {
            self.failure.set(failure.to_string());
        })?;
        if !answer.status.is_success() {
            self.failure.set(format!("it answered {}", answer.status));
        }
        let mut response = Response::builder().status(answer.status);
        if let Some(after) = answer.retry_after {
            response = response.header(RETRY_AFTER, after.as_secs());
        }
        Ok(response.body(answer.body)?)
    }
}
