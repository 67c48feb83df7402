//! `anymq top`

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use anymq_api::{ListQuery, Overview, Queue, paths};

use crate::output::{printable, render, short, size};
use crate::{Cx, Result};

/// Options of `top`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds between samples.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// How many queues to show.
    #[arg(long, default_value_t = 20)]
    queues: usize,
    /// Print one screen and end; also what happens when the output is not a terminal.
    #[arg(long)]
    once: bool,
}

struct Sample {
    overview: Overview,
    queues: Vec<Queue>,
}

impl Args {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let mut before = sample(cx)?;
        loop {
            pause(self.interval);
            let now = sample(cx)?;
            if cx.out.is_json() {
                cx.out.one(&now.overview)?;
            } else {
                let clear = if cx.interactive && !self.once { "\x1b[H\x1b[2J" } else { "" };
                cx.out.text(&format!("{clear}{}", screen(&before, &now, self.queues)))?;
            }
            if self.once || !cx.interactive {
                return Ok(());
            }
            before = now;
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a person watches: the pause between two screens is the feature"
)]
fn pause(seconds: u64) {
    thread::sleep(Duration::from_secs(seconds));
}

fn sample(cx: &Cx<'_>) -> Result<Sample> {
    let overview = cx.client.get(&paths::path(&["overview"]))?;
    Ok(Sample { overview, queues: cx.client.list("queues", &ListQuery::default())? })
}

/// Rates come from two samples; the busiest queues first.
fn screen(before: &Sample, now: &Sample, queues: usize) -> String {
    let ms = now.overview.now_at.saturating_sub(before.overview.now_at).max(1);
    let rate = |a: u64, b: u64| b.saturating_sub(a) * 1000 / ms;
    let (was, is) = (&before.overview.totals, &now.overview.totals);
    let (counts, resources) = (&now.overview.counts, &now.overview.resources);
    let alarms = if now.overview.alarms.is_empty() {
        "all good".into()
    } else {
        printable(&now.overview.alarms.join("; "))
    };
    let mut text = format!(
        "AnyMQ {}  up {} s  {alarms}\n\
         {} connections  {} channels  {} consumers  {} queues\n\
         in {}/s  out {}/s  acked {}/s  redelivered {}/s\n\
         ready {}  unacked {}  delayed {}  memory {}  journal {}  disk free {}\n\n",
        now.overview.version,
        now.overview.uptime_ms / 1000,
        counts.connections,
        counts.channels,
        counts.consumers,
        counts.queues,
        short(rate(was.published, is.published)),
        short(rate(was.delivered, is.delivered)),
        short(rate(was.acked, is.acked)),
        short(rate(was.redelivered, is.redelivered)),
        short(counts.ready),
        short(counts.unacked),
        short(counts.delayed),
        size(resources.resident_bytes),
        size(resources.journal_bytes),
        size(resources.disk_free_bytes),
    );
    let earlier: HashMap<(&str, &str), &Queue> =
        before.queues.iter().map(|q| ((q.vhost.as_str(), q.name.as_str()), q)).collect();
    let mut rows: Vec<(u64, Vec<String>)> = now
        .queues
        .iter()
        .map(|queue| {
            let was = earlier.get(&(queue.vhost.as_str(), queue.name.as_str()));
            let base = |of: fn(&Queue) -> u64| was.map_or(of(queue), |q| of(q));
            let into = rate(base(|q| q.published_total), queue.published_total);
            let out = rate(base(|q| q.delivered_total), queue.delivered_total);
            let cells = vec![
                printable(&queue.vhost),
                printable(&queue.name),
                short(into),
                short(out),
                short(queue.ready),
                short(queue.unacked),
                queue.consumers.to_string(),
            ];
            (into + out + queue.messages.min(1), cells)
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    let rows: Vec<Vec<String>> = rows.into_iter().take(queues).map(|row| row.1).collect();
    text.push_str(&render(
        &["vhost", "queue", ">in/s", ">out/s", ">ready", ">unacked", ">consumers"],
        &rows,
        false,
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_come_from_two_samples() {
        let sample = |now_at, published, total| Sample {
            overview: Overview {
                version: "1".into(),
                now_at,
                totals: anymq_api::Totals { published, ..Default::default() },
                ..Default::default()
            },
            queues: vec![
                Queue { vhost: "/".into(), name: "idle".into(), ..Queue::default() },
                Queue { vhost: "/".into(), name: "busy".into(), published_total: total, ..Queue::default() },
            ],
        };
        let text = screen(&sample(1_000, 100, 10), &sample(3_000, 1_100, 510), 5);
        assert!(text.contains("in 500/s"), "{text}");
        let (busy, idle) = (text.find("busy").expect("busy"), text.find("idle").expect("idle"));
        assert!(busy < idle, "busiest first: {text}");
        assert!(text.lines().any(|l| l.split_whitespace().take(3).eq(["/", "busy", "250"])), "{text}");
    }
}
