//! What the system knows of this process, by the names that Prometheus' client libraries give it.

use std::fmt;

use procfs::process::{LimitValue, Stat};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric as _};
use prometheus_client::registry::Unit;

/// What the system knows of this process.
#[derive(Debug)]
pub(super) struct Process {
    /// When the system started, in seconds since 1970. None where it does not say.
    booted: Option<u64>,
}

/// What is told of it.
struct Seen {
    stat: Stat,
    open_files: usize,
    max_files: u64,
}

impl Process {
    pub(super) fn new() -> Self {
        Self { booted: procfs::boot_time_secs().ok() }
    }

    fn look() -> procfs::ProcResult<Seen> {
        let this = procfs::process::Process::myself()?;
        let max_files = match this.limits()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => limit,
            LimitValue::Unlimited => u64::MAX,
        };
        Ok(Seen { stat: this.stat()?, open_files: this.fd_count()?, max_files })
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // What can't be told is left out, and everything else told.
        let Ok(Seen { stat, open_files, max_files }) = Self::look() else { return Ok(()) };
        let ticks = procfs::ticks_per_second();
        let cpu = seconds(stat.utime + stat.stime, ticks);
        let help = "Time that was spent on processors, in seconds.";
        let told = encoder.encode_descriptor(
            "process_cpu",
            help,
            Some(&Unit::Seconds),
            ConstCounter::<f64>::TYPE,
        )?;
        ConstCounter::new(cpu).encode(told)?;
        if let Some(booted) = self.booted {
            let started = seconds(booted * ticks + stat.starttime, ticks);
            let help = "When the process started, in seconds since 1970.";
            let (name, unit) = ("process_start_time", Some(&Unit::Seconds));
            ConstGauge::new(started).encode(encoder.encode_descriptor(
                name,
                help,
                unit,
                MetricType::Gauge,
            )?)?;
        }
        let page = procfs::page_size();
        for (name, help, unit, value) in [
            ("process_resident_memory", "Memory in use, in bytes.", Some(&Unit::Bytes), stat.rss * page),
            ("process_virtual_memory", "Address space, in bytes.", Some(&Unit::Bytes), stat.vsize),
            ("process_open_fds", "Files and sockets that are open.", None, open_files as u64),
            ("process_max_fds", "Files and sockets that may be open.", None, max_files),
            ("process_threads", "Threads.", None, u64::try_from(stat.num_threads).unwrap_or_default()),
        ] {
            ConstGauge::new(value).encode(encoder.encode_descriptor(
                name,
                help,
                unit,
                MetricType::Gauge,
            )?)?;
        }
        Ok(())
    }
}

fn seconds(ticks: u64, per_second: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no process lives for millions of years")]
    let (ticks, per_second) = (ticks as f64, per_second as f64);
    ticks / per_second
}
