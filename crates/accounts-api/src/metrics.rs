//! What the service counts about itself, in the Prometheus text format.

use std::time::Duration;

use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

/// The media type of the rendered text.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];

/// The counters of one process. Labels are methods, path templates and statuses: never an id, an
/// address or anything else of a person.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl Metrics {
    /// New counters, all at zero.
    ///
    /// # Errors
    /// Where two of them had one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("accounts_http_requests_total", "Requests answered."),
            &["method", "path", "status"],
        )?;
        let durations = HistogramVec::new(
            HistogramOpts::new("accounts_http_request_duration_seconds", "Time to the answer.")
                .buckets(BUCKETS.to_vec()),
            &["method", "path"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        Ok(Self {
            registry,
            requests,
            durations,
        })
    }

    /// Where other parts of the process add their own counters.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Counts a request.
    pub(crate) fn count(&self, method: &str, path: &str, status: &str, took: Duration) {
        self.requests.with_label_values(&[method, path, status]).inc();
        self.durations
            .with_label_values(&[method, path])
            .observe(took.as_secs_f64());
    }

    /// All counters as text.
    ///
    /// # Errors
    /// Where a counter cannot be written.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_template() {
        let metrics = Metrics::new().unwrap();
        metrics.count("GET", "/v1/accounts/{account}", "200", Duration::from_millis(3));
        metrics.count("GET", "/v1/accounts/{account}", "200", Duration::from_millis(3));
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        assert!(
            text.contains(r#"accounts_http_requests_total{method="GET",path="/v1/accounts/{account}",status="200"} 2"#)
        );
        assert!(text.contains(
            r#"accounts_http_request_duration_seconds_bucket{method="GET",path="/v1/accounts/{account}",le="0.005"} 2"#
        ));
    }
}
