//! What was counted, and what it comes to.

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::{Nanos, SECOND};
use crate::load::{Load, Plan};
use crate::process::Usage;

/// Longest latency told apart.
const LATENCY_MAX: Nanos = 600 * SECOND;

/// Counts of one worker during the measured time.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) published: u64,
    pub(crate) confirmed: u64,
    /// Negatively confirmed: an overflow policy refused it.
    pub(crate) refused: u64,
    pub(crate) delivered: u64,
    latency: Histogram<u64>,
    confirm_latency: Histogram<u64>,
    lag: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Result<Tally> {
        let histogram = || Histogram::new_with_bounds(1, LATENCY_MAX, 3);
        Ok(Tally {
            published: 0,
            confirmed: 0,
            refused: 0,
            delivered: 0,
            latency: histogram()?,
            confirm_latency: histogram()?,
            lag: histogram()?,
        })
    }

    #[inline]
    pub(crate) fn latency(&mut self, nanos: Nanos, measured: bool) {
        self.latencies(nanos, 1, measured);
    }

    /// The same for several messages.
    #[inline]
    pub(crate) fn latencies(&mut self, nanos: Nanos, count: u64, measured: bool) {
        if measured {
            self.latency.saturating_record_n(nanos, count);
        }
    }

    #[inline]
    pub(crate) fn confirm_latency(&mut self, nanos: Nanos, measured: bool) {
        self.confirm_latencies(nanos, 1, measured);
    }

    /// The same for several messages.
    #[inline]
    pub(crate) fn confirm_latencies(&mut self, nanos: Nanos, count: u64, measured: bool) {
        if measured {
            self.confirm_latency.saturating_record_n(nanos, count);
        }
    }

    /// How much later than due a message was handed to the socket: the generator's own delay.
    #[inline]
    pub(crate) fn lag(&mut self, nanos: Nanos, measured: bool) {
        if measured {
            self.lag.saturating_record(nanos);
        }
    }

    pub(crate) fn add(&mut self, other: &Tally) -> Result<()> {
        self.published += other.published;
        self.confirmed += other.confirmed;
        self.refused += other.refused;
        self.delivered += other.delivered;
        self.latency.add(&other.latency)?;
        self.confirm_latency.add(&other.confirm_latency)?;
        self.lag.add(&other.lag)?;
        Ok(())
    }
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Option<Latency> {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        (!histogram.is_empty()).then(|| Latency {
            count: histogram.len(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max() as f64 / 1e3,
        })
    }
}

/// CPU and memory of the server, or of this process, over the measured time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Cost {
    /// Microseconds of CPU per message (delivered, or published where nobody consumes).
    pub(crate) cpu_us_per_message: f64,
    /// Milliseconds of CPU per megabyte (10⁶ bytes) of messages, where rates are told in bytes as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_ms_per_megabyte: Option<f64>,
    /// Cores kept busy.
    pub(crate) cores: f64,
    /// Resident bytes at the end.
    pub(crate) resident_bytes: u64,
    /// Most resident bytes seen.
    pub(crate) resident_bytes_max: u64,
}

/// The outcome of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurement<L> {
    pub(crate) load: L,
    pub(crate) seconds: f64,
    pub(crate) published_per_second: f64,
    pub(crate) delivered_per_second: f64,
    pub(crate) confirmed_per_second: f64,
    /// 10⁶ bytes of messages a second at the rate that counts, where rates are told in bytes as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) megabytes_per_second: Option<f64>,
    /// Messages that the server refused to take.
    pub(crate) refused: u64,
    /// Copies published during the whole run that had not arrived at its end.
    pub(crate) missing: u64,
    pub(crate) latency: Option<Latency>,
    pub(crate) confirm_latency: Option<Latency>,
    /// The generator's own delay in a run with a rate; part of the latencies.
    pub(crate) send_lag: Option<Latency>,
    pub(crate) server: Option<Cost>,
    pub(crate) generator: Cost,
}

/// A span with the usage of a process at both ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) before: Usage,
    pub(crate) after: Usage,
    pub(crate) resident_max: u64,
}

impl Span {
    /// What one of `messages` cost, and a megabyte of them if each has `message_bytes`.
    pub(crate) fn cost(&self, seconds: f64, messages: u64, message_bytes: Option<u64>) -> Cost {
        let cpu = self.after.cpu.saturating_sub(self.before.cpu).as_secs_f64();
        Cost {
            cpu_us_per_message: cpu * 1e6 / messages.max(1) as f64,
            cpu_ms_per_megabyte: message_bytes.map(|bytes| cpu * 1e9 / (messages * bytes).max(1) as f64),
            cores: cpu / seconds,
            resident_bytes: self.after.resident,
            resident_bytes_max: self.resident_max.max(self.after.resident),
        }
    }
}

impl<L: Load> Measurement<L> {
    pub(crate) fn new(
        load: &L,
        seconds: f64,
        tally: &Tally,
        missing: u64,
        server: Option<Span>,
        generator: Span,
    ) -> Measurement<L> {
        let Plan { consumers, message_bytes, .. } = load.plan();
        let per_second = |count: u64| count as f64 / seconds;
        let messages = if consumers > 0 { tally.delivered } else { tally.published };
        Measurement {
            load: load.clone(),
            seconds,
            published_per_second: per_second(tally.published),
            delivered_per_second: per_second(tally.delivered),
            confirmed_per_second: per_second(tally.confirmed),
            megabytes_per_second: message_bytes.map(|bytes| per_second(messages * bytes) / 1e6),
            refused: tally.refused,
            missing,
            latency: Latency::of(&tally.latency),
            confirm_latency: Latency::of(&tally.confirm_latency),
            send_lag: Latency::of(&tally.lag),
            server: server.map(|span| span.cost(seconds, messages, message_bytes)),
            generator: generator.cost(seconds, messages, message_bytes),
        }
    }

    /// The rate that counts: what arrived, or what was published where nobody consumes.
    pub(crate) fn rate(&self) -> f64 {
        if self.load.plan().consumers > 0 { self.delivered_per_second } else { self.published_per_second }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{amqp, kafka};

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let mut tally = Tally::new().expect("valid bounds");
        (1..=1000).for_each(|n| tally.latency(n * 1000, true));
        tally.latency(SECOND, false);
        let latency = Latency::of(&tally.latency).expect("something was measured");
        assert_eq!(latency.count, 1000);
        for (got, expected) in [
            (latency.p50_us, 500.0),
            (latency.p90_us, 900.0),
            (latency.p99_us, 990.0),
            (latency.max_us, 1000.0),
        ] {
            assert!((got - expected).abs() / expected < 0.002, "{got} {expected}");
        }
        assert_eq!(Latency::of(&tally.lag), None);
    }

    #[test]
    fn tallies_add_up_and_cost_is_per_message() {
        let (mut sum, mut one) = (Tally::new().expect("valid bounds"), Tally::new().expect("valid bounds"));
        (one.published, one.delivered) = (5, 1000);
        one.latency(10, true);
        sum.add(&one).expect("same bounds");
        sum.add(&one).expect("same bounds");
        assert_eq!((sum.published, sum.delivered, sum.latency.len()), (10, 2000, 2));

        let usage = |cpu, resident| Usage { cpu: Duration::from_millis(cpu), resident };
        let span = Span { before: usage(100, 1), after: usage(140, 7), resident_max: 9 };
        let load = amqp::Load::default();
        let measured = Measurement::new(&load, 2.0, &sum, 0, Some(span), span);
        let cost = measured.server.expect("a server");
        assert!(
            (cost.cpu_us_per_message - 20.0).abs() < 1e-9 && (cost.cores - 0.02).abs() < 1e-9,
            "{cost:?}"
        );
        assert_eq!((cost.resident_bytes, cost.resident_bytes_max), (7, 9));
        assert_eq!((measured.megabytes_per_second, cost.cpu_ms_per_megabyte), (None, None));

        // 2000 records of 500 bytes, a megabyte in all, in two seconds for 40 ms of CPU.
        let load = kafka::Load { size: 400, key_size: 100, ..kafka::Load::default() };
        let measured = Measurement::new(&load, 2.0, &sum, 0, Some(span), span);
        let cost = measured.server.expect("a server").cpu_ms_per_megabyte;
        assert!((measured.megabytes_per_second.expect("told in bytes") - 0.5).abs() < 1e-9, "{measured:?}");
        assert!((cost.expect("told in bytes") - 40.0).abs() < 1e-9, "{measured:?}");
    }
}
