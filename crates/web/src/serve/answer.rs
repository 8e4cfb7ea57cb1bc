//! One request: handed to the router with what is known about it, and its answer watched on the way out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::connection::{MAX_HEADERS, Server};
use super::dialogue::RunningRequest;
use super::via::{Scheme, Via};

/// What `peer` gets for its request, be it only a refusal.
pub(super) async fn answer(
    server: Arc<Server>,
    running: Result<RunningRequest, StatusCode>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let mut running = match running {
        Err(status) => return Ok(refusal(status, request.version())),
        Ok(_) if request.headers().len() > MAX_HEADERS => {
            return Ok(refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, request.version()));
        }
        Ok(running) => running,
    };
    let (mut parts, body) = request.into_parts();
    let scheme = if server.front.tls.is_some() { Scheme::Https } else { Scheme::Http };
    parts.extensions.insert(Via::of(&parts, peer, scheme, &server.front.trusted_proxies));
    let response = server.router.clone().oneshot(Request::from_parts(parts, body)).await?;
    running.awaits_client();
    Ok(response.map(|body| Answer { body, running: Some(running) }))
}

/// An answer without a body, after which the connection ends, as hyper's own to what is not HTTP.
fn refusal(status: StatusCode, version: Version) -> Response<Answer> {
    let mut response = Response::new(Answer { body: Body::empty(), running: None });
    *response.status_mut() = status;
    if version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that keeps its request running until it has been sent, and tells whose turn it is.
pub(super) struct Answer {
    body: Body,
    running: Option<RunningRequest>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(running) = &mut self.running {
            // It is asked for the next frame as soon as there is room to send it, and no sooner.
            if frame.is_ready() { running.awaits_client() } else { running.awaits_us() }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
