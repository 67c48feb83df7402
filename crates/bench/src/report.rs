//! Telling people what was measured.

use std::fmt::Write;

use crate::load::Load;
use crate::result::{Cost, Latency, Measurement};

/// Several lines about one run.
pub(crate) fn text<L: Load>(name: &str, measured: &Measurement<L>) -> String {
    let (words, plan) = (L::WORDS, measured.load.plan());
    let mut out = format!("{name}: {}\n", measured.load.describe());
    let rate = |out: &mut String, name: &str, per_second: f64| {
        let bytes = plan.message_bytes.map_or(String::new(), |bytes| {
            format!(" {:>10} MB/s", megabytes(per_second * bytes as f64 / 1e6))
        });
        let _ = writeln!(out, "  {name:<18} {:>12} msg/s{bytes}", grouped(per_second));
    };
    if plan.producers > 0 {
        rate(&mut out, words.published, measured.published_per_second);
    }
    if plan.confirms {
        rate(&mut out, words.confirmed, measured.confirmed_per_second);
    }
    if plan.consumers > 0 {
        rate(&mut out, words.delivered, measured.delivered_per_second);
    }
    latency(&mut out, words.latency, measured.latency);
    latency(&mut out, words.confirm_latency, measured.confirm_latency);
    latency(&mut out, "generator's delay", measured.send_lag);
    if let Some(server) = &measured.server {
        cost(&mut out, "server", server);
    }
    cost(&mut out, "generator", &measured.generator);
    for (count, what) in
        [(measured.refused, "refused by the server"), (measured.missing, "not arrived at the end")]
    {
        if count > 0 {
            let _ = writeln!(out, "  {count} messages {what}");
        }
    }
    out
}

fn latency(out: &mut String, name: &str, latency: Option<Latency>) {
    if let Some(l) = latency {
        let [p50, p90, p99, p999, max] =
            [l.p50_us, l.p90_us, l.p99_us, l.p999_us, l.max_us].map(milliseconds);
        let _ = writeln!(out, "  {name:<18} p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p999}  max {max} ms");
    }
}

fn cost(out: &mut String, name: &str, cost: &Cost) {
    let megabyte = cost.cpu_ms_per_megabyte.map_or(String::new(), |ms| format!(" ({ms:.2} ms/MB)"));
    let _ = writeln!(
        out,
        "  {name:<18} {:.2} µs CPU/msg{megabyte}, {:.2} cores, {:.1} MiB resident (max {:.1})",
        cost.cpu_us_per_message,
        cost.cores,
        mebibytes(cost.resident_bytes),
        mebibytes(cost.resident_bytes_max)
    );
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Millions of bytes, three figures that matter.
pub(crate) fn megabytes(megabytes: f64) -> String {
    match megabytes {
        _ if megabytes < 10.0 => format!("{megabytes:.2}"),
        _ if megabytes < 100.0 => format!("{megabytes:.1}"),
        _ => grouped(megabytes),
    }
}

/// Three figures that matter.
pub(crate) fn milliseconds(us: f64) -> String {
    let ms = us / 1e3;
    match ms {
        _ if ms < 10.0 => format!("{ms:.2}"),
        _ if ms < 100.0 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

/// A whole number with its thousands apart: `1 234 567`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (number, expected) in [(0.0, "0"), (999.4, "999"), (1000.0, "1 000"), (1_234_567.0, "1 234 567")]
        {
            assert_eq!(grouped(number), expected);
        }
        for (us, expected) in [(161.0, "0.16"), (9_990.0, "9.99"), (12_345.0, "12.3"), (123_456.0, "123")] {
            assert_eq!(milliseconds(us), expected);
        }
    }
}
