//! Two servers side by side: runs alternate, so that what else the machine does hits both; medians are compared.

use std::fmt::Write;

use serde::Serialize;

use crate::report::{grouped, mebibytes, milliseconds};
use crate::result::Measurement;

/// All rounds of one case on both servers.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) case: String,
    pub(crate) ours: Vec<Measurement>,
    pub(crate) theirs: Vec<Measurement>,
}

/// Median, least and most of some rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// None if a round has no value, or there is no round.
    fn of(values: impl IntoIterator<Item = Option<f64>>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect::<Option<_>>()?;
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() {
            0 => return None,
            n if n % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        Some(Spread { median, min: values[0], max: values[values.len() - 1] })
    }

    fn show(&self, format: impl Fn(f64) -> String) -> String {
        format!("{} [{}–{}]", format(self.median), format(self.min), format(self.max))
    }
}

/// A Markdown table, a row per case, both servers in each.
pub(crate) fn markdown(pairs: &[Pair], ours: &str, theirs: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "| case | {ours} msg/s | {theirs} msg/s | ratio | {ours} CPU µs/msg | {theirs} CPU µs/msg | ratio \
         | {ours} p50 / p99 ms | {theirs} p50 / p99 ms | {ours} MiB | {theirs} MiB |"
    );
    let _ = writeln!(out, "|---|---|---|---|---|---|---|---|---|---|---|");
    for pair in pairs {
        let cpu = |format: f64| format!("{format:.2}");
        let mut rates = both(pair, |m| Some(m.rate()), grouped);
        for (rate, rounds) in rates.iter_mut().zip([&pair.ours, &pair.theirs]) {
            rate.push_str(&missing(rounds));
        }
        let costs = both(pair, |m| Some(m.server?.cpu_us_per_message), cpu);
        let memory = both(pair, |m| Some(mebibytes(m.server?.resident_bytes_max)), |mib| format!("{mib:.0}"));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            pair.case,
            rates[0],
            rates[1],
            rates[2],
            costs[0],
            costs[1],
            costs[2],
            latency(&pair.ours),
            latency(&pair.theirs),
            memory[0],
            memory[1]
        );
    }
    out
}

/// Ours, theirs, and how many times theirs ours is.
fn both(
    pair: &Pair,
    value: impl Fn(&Measurement) -> Option<f64>,
    format: impl Fn(f64) -> String,
) -> [String; 3] {
    let ours = Spread::of(pair.ours.iter().map(&value));
    let theirs = Spread::of(pair.theirs.iter().map(&value));
    let ratio = match (ours, theirs) {
        (Some(ours), Some(theirs)) if theirs.median > 0.0 => times(ours.median / theirs.median),
        _ => "–".to_owned(),
    };
    let show = |spread: Option<Spread>| spread.map_or("–".to_owned(), |spread| spread.show(&format));
    [show(ours), show(theirs), ratio]
}

/// What did not arrive, said beside the rate: a server that stopped delivering must not look like a fast one.
fn missing(rounds: &[Measurement]) -> String {
    let short = rounds.iter().filter(|measured| measured.missing > 0).count();
    let most = rounds.iter().map(|measured| measured.missing).max().unwrap_or(0);
    match short {
        0 => String::new(),
        _ => format!(
            " **not all arrived in {short} of {} rounds, up to {} missing**",
            rounds.len(),
            grouped(most as f64)
        ),
    }
}

/// `5.2×`, or `1/8.1` for what is smaller.
fn times(ratio: f64) -> String {
    if ratio >= 1.0 || ratio <= 0.0 { format!("{ratio:.1}×") } else { format!("1/{:.1}", 1.0 / ratio) }
}

fn latency(rounds: &[Measurement]) -> String {
    let p50 = Spread::of(rounds.iter().map(|m| Some(m.latency?.p50_us)));
    let p99 = Spread::of(rounds.iter().map(|m| Some(m.latency?.p99_us)));
    match (p50, p99) {
        (Some(p50), Some(p99)) => format!("{} / {}", p50.show(milliseconds), p99.show(milliseconds)),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied().map(Some));
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(spread(&[]), None);
        assert_eq!(Spread::of([Some(1.0), None]), None);
    }

    #[test]
    fn a_run_that_lost_messages_says_so_in_the_table() {
        use crate::load::Load;
        use crate::process::Usage;
        use crate::result::{Span, Tally};

        let usage = Usage::default();
        let span = Span { before: usage, after: usage, resident_max: 0 };
        let tally = Tally::new().expect("valid bounds");
        let round = |missing| Measurement::new(&Load::default(), 1.0, &tally, missing, None, span);
        let pair = |missing| Pair {
            case: "c".to_owned(),
            ours: vec![round(missing), round(0)],
            theirs: vec![round(0)],
        };
        assert!(!markdown(&[pair(0)], "A", "B").contains("missing"));
        let table = markdown(&[pair(1234)], "A", "B");
        assert!(table.contains("**not all arrived in 1 of 2 rounds, up to 1 234 missing** |"), "{table}");
    }

    #[test]
    fn ratios() {
        assert_eq!([times(5.25), times(1.0), times(0.125)], ["5.2×", "1.0×", "1/8.0"]);
    }
}
