//! A writer of the Prometheus text format 0.0.4 with a limit on the number of series.

use std::fmt::{Display, Write as _};

use crate::hall::Histogram;

/// What kind of family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The text under construction.
pub(crate) struct Exposition {
    text: String,
    series: usize,
    series_max: usize,
    dropped: u64,
    family: &'static str,
}

impl Exposition {
    pub(crate) fn new(series_max: usize) -> Self {
        Exposition { text: String::new(), series: 0, series_max, dropped: 0, family: "" }
    }

    /// Begins a family; its samples follow.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.family = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample of the present family.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.suffixed("", labels, value);
    }

    /// A family with one sample without labels.
    pub(crate) fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(&[], value);
    }

    /// The samples of a histogram.
    pub(crate) fn histogram(&mut self, histogram: &Histogram) {
        for (bound, count) in &histogram.buckets {
            self.suffixed("_bucket", &[("le", &bound.to_string())], count);
        }
        self.suffixed("_bucket", &[("le", "+Inf")], histogram.count);
        self.suffixed("_sum", &[], histogram.sum.as_secs_f64());
        self.suffixed("_count", &[], histogram.count);
    }

    /// Notes series that were not even looked at.
    pub(crate) fn drop_series(&mut self, n: u64) {
        self.dropped += n;
    }

    /// Series that may still be written.
    pub(crate) fn room(&self) -> usize {
        self.series_max - self.series
    }

    /// The finished text; says how many series it leaves out.
    pub(crate) fn finish(mut self) -> String {
        let dropped = self.dropped;
        let name = "anymq_metrics_dropped_series";
        let help = "Time series left out of this page because of metrics.series_max.";
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {dropped}");
        self.text
    }

    fn suffixed(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        if self.series >= self.series_max {
            self.dropped += 1;
            return;
        }
        self.series += 1;
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        for (i, (name, value)) in labels.iter().enumerate() {
            self.text.push(if i == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            push_escaped(value, &mut self.text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn push_escaped(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;

    #[test]
    fn text_is_escaped_and_bounded() {
        let mut out = Exposition::new(5);
        out.single("a_total", Kind::Counter, "Things.", 3);
        out.family("wait_seconds", Kind::Histogram, "Waits.");
        let histogram = Histogram { buckets: vec![(0.005, 1)], count: 2, sum: Duration::from_millis(1500) };
        out.histogram(&histogram);
        out.family("depth", Kind::Gauge, "Depth.");
        out.sample(&[("queue", "a\"b\\c\nd")], 1);
        expect![[r#"
            # HELP a_total Things.
            # TYPE a_total counter
            a_total 3
            # HELP wait_seconds Waits.
            # TYPE wait_seconds histogram
            wait_seconds_bucket{le="0.005"} 1
            wait_seconds_bucket{le="+Inf"} 2
            wait_seconds_sum 1.5
            wait_seconds_count 2
            # HELP depth Depth.
            # TYPE depth gauge
            # HELP anymq_metrics_dropped_series Time series left out of this page because of metrics.series_max.
            # TYPE anymq_metrics_dropped_series gauge
            anymq_metrics_dropped_series 1
        "#]]
        .assert_eq(&out.finish());
        let mut out = Exposition::new(1);
        out.family("depth", Kind::Gauge, "Depth.");
        out.sample(&[("queue", "a\"b\\c\nd"), ("vhost", "/")], 1);
        assert!(out.finish().contains("depth{queue=\"a\\\"b\\\\c\\nd\",vhost=\"/\"} 1\n"));
    }
}
