//! Two servers side by side: runs alternate, so that what else the machine does hits both; medians are compared.

use std::fmt::Write;

use serde::Serialize;

use crate::load::Load;
use crate::report::{grouped, mebibytes, megabytes, milliseconds};
use crate::result::{Latency, Measurement};

/// All rounds of one case on both servers.
#[derive(Debug, Serialize)]
pub(crate) struct Pair<L> {
    pub(crate) case: String,
    pub(crate) ours: Vec<Measurement<L>>,
    pub(crate) theirs: Vec<Measurement<L>>,
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

/// A Markdown table, a row per case, both servers in each. Where rates are told in bytes it has columns for these, and
/// for how soon the server says that it has a message.
pub(crate) fn markdown<L: Load>(pairs: &[Pair<L>], ours: &str, theirs: &str) -> String {
    let in_bytes = pairs.iter().any(|pair| pair.ours.iter().any(|m| m.megabytes_per_second.is_some()));
    let mut out = String::new();
    let heads = columns(in_bytes, ours, theirs);
    let _ = writeln!(out, "| case | {} |", heads.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(heads.len()));
    for pair in pairs {
        let _ = writeln!(out, "| {} | {} |", pair.case, cells(pair, in_bytes).join(" | "));
    }
    out
}

fn columns(in_bytes: bool, ours: &str, theirs: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut add = |what: &str, ratio: bool| {
        heads.extend([format!("{ours} {what}"), format!("{theirs} {what}")]);
        if ratio {
            heads.push("ratio".to_owned());
        }
    };
    add("msg/s", true);
    if in_bytes {
        add("MB/s", false);
    }
    add("CPU µs/msg", true);
    if in_bytes {
        add("CPU ms/MB", false);
    }
    add("p50 / p99 ms", false);
    if in_bytes {
        add("acknowledged p50 / p99 ms", false);
    }
    add("MiB", false);
    heads
}

fn cells<L: Load>(pair: &Pair<L>, in_bytes: bool) -> Vec<String> {
    let two_places = |number: f64| format!("{number:.2}");
    let mut rates = both(pair, |m| Some(m.rate()), grouped);
    for (rate, rounds) in rates.iter_mut().zip([&pair.ours, &pair.theirs]) {
        rate.push_str(&missing(rounds));
    }
    let mut cells = Vec::from(rates);
    if in_bytes {
        cells.extend_from_slice(&both(pair, |m| m.megabytes_per_second, megabytes)[..2]);
    }
    cells.extend(both(pair, |m| Some(m.server?.cpu_us_per_message), two_places));
    if in_bytes {
        cells.extend_from_slice(&both(pair, |m| m.server?.cpu_ms_per_megabyte, two_places)[..2]);
    }
    cells.extend([&pair.ours, &pair.theirs].map(|rounds| latency(rounds, |m| m.latency)));
    if in_bytes {
        cells.extend([&pair.ours, &pair.theirs].map(|rounds| latency(rounds, |m| m.confirm_latency)));
    }
    let memory = both(pair, |m| Some(mebibytes(m.server?.resident_bytes_max)), |mib| format!("{mib:.0}"));
    cells.extend_from_slice(&memory[..2]);
    cells
}

/// Ours, theirs, and how many times theirs ours is.
fn both<L: Load>(
    pair: &Pair<L>,
    value: impl Fn(&Measurement<L>) -> Option<f64>,
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
fn missing<L>(rounds: &[Measurement<L>]) -> String {
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

fn latency<L>(rounds: &[Measurement<L>], which: impl Fn(&Measurement<L>) -> Option<Latency>) -> String {
    let p50 = Spread::of(rounds.iter().map(|m| Some(which(m)?.p50_us)));
    let p99 = Spread::of(rounds.iter().map(|m| Some(which(m)?.p99_us)));
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
        use crate::amqp::Load;
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
        assert!(table.starts_with("| case | A msg/s | B msg/s | ratio | A CPU µs/msg |"), "{table}");
    }

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        fn table<L: Load + Default>() -> String {
            let usage = crate::process::Usage::default();
            let span = crate::result::Span { before: usage, after: usage, resident_max: 0 };
            let mut tally = crate::result::Tally::new().expect("valid bounds");
            (tally.delivered, tally.published) = (3_000_000, 3_000_000);
            tally.latency(2_500_000, true);
            let round = || Measurement::new(&L::default(), 2.0, &tally, 0, Some(span), span);
            markdown(&[Pair { case: "c".to_owned(), ours: vec![round()], theirs: vec![round()] }], "A", "B")
        }
        for (table, columns) in [(table::<crate::amqp::Load>(), 11), (table::<crate::kafka::Load>(), 17)] {
            let widths: Vec<usize> = table.lines().map(|line| line.matches('|').count() - 1).collect();
            assert_eq!(widths, [columns; 3], "{table}");
        }
        let table = table::<crate::kafka::Load>();
        let row = "| c | 1 500 000 [1 500 000–1 500 000] | 1 500 000 [1 500 000–1 500 000] | 1.0× \
                   | 150 [150–150] | 150 [150–150] |";
        assert!(table.contains(row), "{table}");
    }

    #[test]
    fn ratios() {
        assert_eq!([times(5.25), times(1.0), times(0.125)], ["5.2×", "1.0×", "1/8.0"]);
    }
}
