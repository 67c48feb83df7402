//! Results: a table for people, JSON for programs.

use std::io::{self, Write};

use anymq_api::{Problem, codes};
use clap::ValueEnum;
use serde::Serialize;

use crate::Result;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people.
    Table,
    /// JSON, with every field.
    Json,
}

/// One line of a table.
pub trait Row: Serialize {
    /// Column titles; a title that begins with `>` is a number and stands right.
    const TITLES: &'static [&'static str];

    /// One cell for each title.
    fn cells(&self) -> Vec<String>;
}

/// Prints results.
pub struct Printer<'a> {
    out: &'a mut dyn Write,
    format: Format,
    bold: bool,
}

impl<'a> Printer<'a> {
    /// Prints to `out`; `bold` sets titles off, for terminals.
    pub fn new(out: &'a mut dyn Write, format: Format, bold: bool) -> Self {
        Printer { out, format, bold }
    }

    /// Whether programs read this.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A list of things.
    pub fn list<T: Row>(&mut self, items: &[T]) -> Result<()> {
        if self.is_json() {
            return self.json(&items);
        }
        let table: Vec<Vec<String>> = items
            .iter()
            .map(|item| item.cells().into_iter().map(|cell| printable(&cell)).collect())
            .collect();
        let text = render(T::TITLES, &table, self.bold);
        self.text(&text)
    }

    /// One thing, a field a line.
    pub fn one<T: Serialize>(&mut self, item: &T) -> Result<()> {
        if self.is_json() {
            return self.json(item);
        }
        let value = serde_json::to_value(item).map_err(|e| unprintable(&e))?;
        let Some(fields) = value.as_object() else { return self.json(item) };
        let width = fields.keys().map(String::len).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in fields {
            text.push_str(&format!("{name:width$}  {}\n", plain(value)));
        }
        self.text(&text)
    }

    /// What was done: a sentence for people, `value` for programs.
    pub fn done<T: Serialize>(&mut self, sentence: &str, value: &T) -> Result<()> {
        if self.is_json() { self.json(value) } else { self.text(&format!("{}\n", printable(sentence))) }
    }

    /// Text as it is.
    pub fn text(&mut self, text: &str) -> Result<()> {
        written(self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()))
    }

    /// Text as it is; whether anybody still reads.
    pub(crate) fn stream(&mut self, text: &str) -> Result<bool> {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            result => written(result).map(|()| true),
        }
    }

    fn json<T: Serialize>(&mut self, value: &T) -> Result<()> {
        let mut text = serde_json::to_string_pretty(value).map_err(|e| unprintable(&e))?;
        text.push('\n');
        self.text(&text)
    }
}

/// A reader that has seen enough (`| head`) is no failure.
fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::new(&codes::INTERNAL, format!("cannot write the output: {e}")))
        }
        _ => Ok(()),
    }
}

fn unprintable(error: &serde_json::Error) -> Problem {
    Problem::new(&codes::INTERNAL, format!("cannot print the result: {error}"))
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "-".into(),
        serde_json::Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

/// Text without characters that move the cursor, change colours or reverse the writing direction.
pub(crate) fn printable(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// Columns as wide as their widest cell, two spaces between them.
pub(crate) fn render(titles: &[&str], rows: &[Vec<String>], bold: bool) -> String {
    let right: Vec<bool> = titles.iter().map(|t| t.starts_with('>')).collect();
    let titles: Vec<String> = titles.iter().map(|t| t.trim_start_matches('>').to_uppercase()).collect();
    let mut widths: Vec<usize> = titles.iter().map(|t| t.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let mut line = String::new();
        for (i, cell) in cells.iter().enumerate() {
            let pad = " ".repeat(widths[i].saturating_sub(cell.chars().count()));
            let gap = if i == 0 { "" } else { "  " };
            let padded = if right[i] { [gap, &pad, cell] } else { [gap, cell, &pad] };
            line.extend(padded);
        }
        line.truncate(line.trim_end().len());
        line
    };
    let head = line(&titles);
    let mut text = if bold { format!("\x1b[1m{head}\x1b[0m\n") } else { head + "\n" };
    for row in rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}

/// `1234567` as `1.2M`: for columns that people compare.
pub(crate) fn short(n: u64) -> String {
    const STEPS: [(u64, &str); 4] =
        [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")];
    for (step, unit) in STEPS {
        if n >= step {
            let base = if unit == "k" { 1_000 } else { step };
            let tenths = n / (base / 10);
            return if tenths >= 1000 {
                format!("{}{unit}", tenths / 10)
            } else {
                format!("{}.{}{unit}", tenths / 10, tenths % 10)
            };
        }
    }
    n.to_string()
}

/// Bytes in the largest unit of 1024 that keeps a digit before the point.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = bytes as f64;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{scaled:.1} {}", UNITS[unit]) }
}

/// Milliseconds in the two largest units.
pub(crate) fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let Some(at) = UNITS.iter().position(|(unit, _)| ms >= *unit) else {
        return if ms == 0 { "0".into() } else { format!("{ms}ms") };
    };
    let (unit, name) = UNITS[at];
    let first = format!("{}{name}", ms / unit);
    match UNITS.get(at + 1).map(|(smaller, name)| (ms % unit / smaller, name)) {
        Some((rest, name)) if rest > 0 => format!("{first} {rest}{name}"),
        _ => first,
    }
}

/// `yes` or an empty cell: what stands out is what is set.
pub(crate) fn mark(set: bool) -> String {
    if set { "yes".into() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_and_carry_no_control_characters() {
        let rows = vec![
            vec![printable("orders\x1b[2J"), "7".into(), "yes".into()],
            vec!["ü".into(), "12000".into(), String::new()],
        ];
        let expected =
            "NAME             READY  DURABLE\norders\\u{1b}[2J      7  yes\nü                12000\n";
        assert_eq!(render(&["name", ">ready", "durable"], &rows, false), expected);
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn numbers_are_shortened() {
        let cases = [
            (0, "0"),
            (9_999, "9999"),
            (12_345, "12.3k"),
            (999_999, "999k"),
            (1_200_000, "1.2M"),
            (u64::MAX, "18446744T"),
        ];
        for (n, text) in cases {
            assert_eq!(short(n), text);
        }
        let spans = [
            (0, "0"),
            (999, "999ms"),
            (59_999, "59s"),
            (60_000, "1m"),
            (3_725_000, "1h 2m"),
            (90_000_000, "1d 1h"),
        ];
        for (ms, text) in spans {
            assert_eq!(span(ms), text);
        }
        for (n, text) in [(0, "0 B"), (1536, "1.5 KiB"), (1 << 40, "1.0 TiB"), (1 << 55, "32768.0 TiB")] {
            assert_eq!(size(n), text);
        }
    }
}
