//! Traces: each request, and what is done for it, as spans of OpenTelemetry. They wait in a bounded queue for a thread of
//! their own, so a collector that is away costs spans, and no request any time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use wharfinger_outbound::Collector;
use wharfinger_web::requests::{Ended, Observer};

use super::AnyLayer;
use crate::config::Config;

/// How long the end of the program waits for the last spans to be taken.
const FAREWELL: Duration = Duration::from_secs(2);

/// Traces on their way.
pub(super) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what is left, if that does not take long.
    pub(super) fn end(self) {
        let ended = self.0.map_or(Ok(()), |provider| provider.shutdown_with_timeout(FAREWELL));
        if let Err(error) = ended {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// What makes traces of spans, and sends them on these threads, if `config` names a collector.
///
/// # Errors
/// When there can be no client for it.
pub(super) fn start(config: &Config, threads: &Handle) -> anyhow::Result<(Traces, Option<AnyLayer>)> {
    let Some(collector) = &config.otlp_endpoint else { return Ok((Traces(None), None)) };
    let client = Collector::new(threads.clone()).context("can't speak to an OpenTelemetry collector")?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(collector.traces())
        .build()
        .context("can't send traces")?;
    let name = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "wharfinger".to_owned());
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name(name).with_attribute(version).build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(Kinds(provider.tracer("wharfinger")))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(FilterFn::new(is_traced).with_max_level_hint(LevelFilter::DEBUG));
    Ok((Traces(Some(provider)), Some(layer.boxed())))
}

/// Our own spans, and what goes wrong in them.
fn is_traced(of: &tracing::Metadata<'_>) -> bool {
    of.target().starts_with("wharfinger") && (of.is_span() || *of.level() <= Level::WARN)
}

/// Tells requests, and what is asked of others, apart from what is done inside. As a field of the span it would stand in
/// the log.
struct Kinds(SdkTracer);

impl Tracer for Kinds {
    type Span = <SdkTracer as Tracer>::Span;

    fn build_with_context(&self, builder: SpanBuilder, parent: &Context) -> Self::Span {
        let kind = match &*builder.name {
            "request" => SpanKind::Server,
            "outbound" => SpanKind::Client,
            _ => SpanKind::Internal,
        };
        self.0.build_with_context(builder.with_kind(kind), parent)
    }
}

/// Takes up the traces that requests belong to (W3C Trace Context), and tells their spans what became of them, in the
/// words of OpenTelemetry's semantic conventions.
#[derive(Default)]
struct Following(TraceContextPropagator);

/// Who follows requests into their traces, if there are any.
pub(crate) fn follower(config: &Config) -> Option<Arc<dyn Observer>> {
    config.otlp_endpoint.as_ref().map(|_| Arc::new(Following::default()) as Arc<dyn Observer>)
}

impl Observer for Following {
    fn began(&self, span: &Span, headers: &HeaderMap) {
        let sender = self.0.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        // Whatever fails here, the span begins a trace of its own.
        let _begun = span.set_parent(sender);
    }

    fn ended(&self, span: &Span, ended: &Ended<'_>) {
        let context = span.context();
        let span = context.span();
        if !span.is_recording() {
            return;
        }
        let (method, route) = (ended.method().as_str(), ended.route());
        span.update_name(format!("{method} {}", route.path));
        span.set_attribute(KeyValue::new("http.request.method", method.to_owned()));
        span.set_attribute(KeyValue::new("http.route", route.path));
        span.set_attribute(KeyValue::new("url.path", ended.path().to_owned()));
        span.set_attribute(KeyValue::new("client.address", ended.client().to_string()));
        span.set_attribute(KeyValue::new("http.request.body.size", integer(ended.received_bytes())));
        span.set_attribute(KeyValue::new("http.response.body.size", integer(ended.sent_bytes())));
        if let Some(operation) = route.operation {
            span.set_attribute(KeyValue::new("wharfinger.operation", operation));
        }
        if let Some(status) = ended.status() {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        }
        let is_fault = ended.status().is_some_and(|status| status.is_server_error());
        if is_fault || !ended.is_whole() {
            span.set_status(Status::error(if is_fault { "" } else { "cut off before its answer was taken" }));
        }
    }
}

fn integer(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
