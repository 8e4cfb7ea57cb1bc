//! The way to an OpenTelemetry collector, which the operator has named: so it may lie anywhere.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Limited};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::{Body, Client};
use tokio::runtime::Handle;

use crate::plain_client;

/// How long one delivery may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer of a collector in bytes.
const LARGEST: usize = 64 * 1024;

/// Delivers to a collector. The work is done on the program's own threads, whichever thread asks for it.
#[derive(Debug)]
pub struct Collector {
    client: Client,
    threads: Handle,
}

impl Collector {
    /// Delivers on these threads.
    ///
    /// # Errors
    /// When the system's certificates can't be used.
    pub fn new(threads: Handle) -> Result<Self, reqwest::Error> {
        Ok(Self { client: plain_client().timeout(PATIENCE).build()?, threads })
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), request.try_into()?);
        let delivery = async move {
            let (head, body) = Response::<Body>::from(client.execute(request).await?).into_parts();
            let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        self.threads.spawn(delivery).await?
    }
}
