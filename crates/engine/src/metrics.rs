//! Metrics in the Prometheus text format (behaviour 5), names as clients of the reference know
//! them, our own with the prefix `posthouse_` in base units.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use posthouse_backend::ImapCounters;
use posthouse_model::{AccountState, EventType};
use prometheus::{
    Counter, Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

/// Every metric of the process.
pub struct Metrics {
    registry: Registry,
    started: Instant,
    /// API requests by method, status and route template.
    pub api_call: IntCounterVec,
    /// Accounts by state.
    pub connections: IntGaugeVec,
    /// Deliveries of webhooks by outcome and event.
    pub webhooks: IntCounterVec,
    /// Events by type.
    pub events: IntCounterVec,
    /// Time a webhook's receiver took, milliseconds.
    pub webhook_req: Histogram,
    /// Jobs by queue and state.
    pub queue_size: IntGaugeVec,
    /// Finished jobs by queue and outcome.
    pub queues_processed: IntCounterVec,
    /// Requests that brought their token in the query, where proxies and logs can see it.
    pub query_tokens: IntCounter,
    /// Actors that ended in a panic and were started anew.
    pub actor_restarts: IntCounter,
    /// IMAP traffic, counted by the backend.
    pub imap: Arc<ImapCounters>,
    imap_responses: IntCounterVec,
    imap_sent: IntCounter,
    imap_received: IntCounter,
    resident: IntGauge,
    cpu: Counter,
    descriptors: IntGauge,
    uptime: IntGauge,
}

impl Metrics {
    /// All metrics at zero.
    ///
    /// # Errors
    /// Two metrics share a name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let counter = |name: &str, help: &str| {
            let metric = IntCounter::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let webhook_req = Histogram::with_opts(
            HistogramOpts::new(
                "webhook_req",
                "Time a webhook's receiver took, milliseconds",
            )
            .buckets(vec![
                100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0, 60_000.0,
            ]),
        )?;
        registry.register(Box::new(webhook_req.clone()))?;
        let metrics = Self {
            started: Instant::now(),
            api_call: counters(
                "api_call",
                "API requests",
                &["method", "statusCode", "route"],
            )?,
            connections: gauges("imap_connections", "Accounts by state", &["status"])?,
            imap_responses: counters(
                "imap_responses",
                "Status responses of IMAP servers",
                &["response", "code"],
            )?,
            webhooks: counters("webhooks", "Deliveries of webhooks", &["status", "event"])?,
            events: counters("events", "Events", &["event"])?,
            webhook_req,
            queue_size: gauges("queue_size", "Jobs in a queue", &["queue", "state"])?,
            queues_processed: counters("queues_processed", "Finished jobs", &["queue", "status"])?,
            query_tokens: counter(
                "posthouse_query_tokens_total",
                "Requests with their access token in the query, where proxies and logs can see it",
            )?,
            actor_restarts: counter(
                "posthouse_actor_restarts_total",
                "Account actors that panicked and were started anew",
            )?,
            imap: Arc::default(),
            imap_sent: counter("imap_bytes_sent", "Bytes sent to IMAP servers")?,
            imap_received: counter("imap_bytes_received", "Bytes received from IMAP servers")?,
            resident: gauge("process_resident_memory_bytes", "Resident memory")?,
            cpu: {
                let metric = Counter::new("process_cpu_seconds_total", "Processor time")?;
                registry.register(Box::new(metric.clone()))?;
                metric
            },
            descriptors: gauge("process_open_fds", "Open file descriptors")?,
            uptime: gauge("posthouse_uptime_seconds", "Time since the start")?,
            registry,
        };
        let info = IntGaugeVec::new(
            Opts::new("emailengine_config", "Version and configuration"),
            &["version", "config"],
        )?;
        metrics.registry.register(Box::new(info.clone()))?;
        info.with_label_values(&[concat!("v", env!("CARGO_PKG_VERSION")), ""])
            .set(1);
        for (name, help, value) in [
            ("unresponsive_workers", "Workers that do not answer", 0),
            // -1: a licence without an end.
            ("license_days_remaining", "Days until the licence ends", -1),
        ] {
            let metric = IntGauge::new(name, help)?;
            metric.set(value);
            metrics.registry.register(Box::new(metric))?;
        }
        for state in AccountState::ALL {
            metrics.connections.with_label_values(&[state.as_str()]);
        }
        Ok(metrics)
    }

    /// Counts an event.
    pub fn event(&self, event: EventType) {
        self.events.with_label_values(&[event.as_str()]).inc();
    }

    /// The exposition text (Prometheus text format 0.0.4).
    #[must_use]
    pub fn text(&self) -> String {
        let catch_up = |metric: &IntCounter, total: u64| {
            metric.inc_by(total.saturating_sub(metric.get()));
        };
        catch_up(&self.imap_sent, self.imap.sent.load(Ordering::Relaxed));
        catch_up(
            &self.imap_received,
            self.imap.received.load(Ordering::Relaxed),
        );
        for ((response, code), total) in self.imap.responses() {
            let metric = self.imap_responses.with_label_values(&[response, code]);
            catch_up(&metric, total);
        }
        let as_gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.uptime.set(as_gauge(self.started.elapsed().as_secs()));
        if let Some(bytes) = resident_bytes() {
            self.resident.set(as_gauge(bytes));
        }
        if let Some(seconds) = cpu_seconds() {
            self.cpu.inc_by((seconds - self.cpu.get()).max(0.0));
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.descriptors.set(as_gauge(files.count() as u64));
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        String::from_utf8(text).unwrap_or_default()
    }

    /// Seconds since the start.
    #[must_use]
    pub fn uptime(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

/// Resident memory of this process, where the system tells it.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

/// Processor time of this process, user and system, where the system tells it.
fn cpu_seconds() -> Option<f64> {
    /// Linux counts in hundredths of a second for programs, whatever it uses itself.
    const PER_SECOND: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything, parentheses too. Fields 14 and 15 of proc(5).
    let (_, fields) = text.rsplit_once(')')?;
    let ticks: u32 = fields
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u32>().ok())
        .sum();
    Some(f64::from(ticks) / PER_SECOND)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_clients_know() {
        let metrics = Metrics::new().unwrap();
        metrics
            .api_call
            .with_label_values(&["get", "200", "/v1/stats"])
            .inc();
        metrics.event(EventType::MessageNew);
        metrics.imap.sent.store(7, Ordering::Relaxed);
        let text = metrics.text();
        for line in [
            r#"api_call{method="get",route="/v1/stats",statusCode="200"} 1"#,
            r#"events{event="messageNew"} 1"#,
            "imap_bytes_sent 7",
            r#"imap_connections{status="connected"} 0"#,
            "license_days_remaining -1",
            "process_cpu_seconds_total ",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
