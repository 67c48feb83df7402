//! A fetch under way: what is in memory is there at once, what is on disk is asked for, and what is not written yet is
//! waited for.

use std::time::Duration;

use anymq_broker::Event;
use anymq_broker::topics::{Cold, Found, Loaded, Read, ReadOut, Run};

use crate::convert;
use crate::session::{Cx, Parked, Reply, Wake};
use crate::wire::messages::fetch::{AbortedTransaction, FetchResponse, FetchedPartition, FetchedTopic};
use crate::wire::{Batches, ErrorCode, Uuid};

/// Most bytes that one answer brings from disk, shared out among the partitions that need it: they are in memory until they are sent.
const COLD_BYTES_MAX: u64 = 4 << 20;
/// How often a read is begun again because messages have moved on disk meanwhile.
const READS_MAX: u32 = 4;

/// A topic of a fetch.
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) id: Uuid,
    pub(super) parts: Vec<Part>,
}

/// A partition of a fetch.
pub(super) struct Part {
    index: i32,
    read: Result<Read, ErrorCode>,
    out: Option<ReadOut>,
    /// What is given of it, within the limits.
    runs: Vec<Run>,
}

impl Part {
    pub(super) fn new(index: i32, read: Result<Read, ErrorCode>) -> Self {
        Part { index, read, out: None, runs: Vec::new() }
    }
}

/// A fetch that is not answered yet.
pub(super) struct Fetching {
    topics: Vec<Topic>,
    bytes_max: u64,
    bytes_min: u64,
    stable_only: bool,
    /// Reads from disk that are not back: which partition each is for.
    loads: Vec<(usize, usize)>,
    /// How many of them are not back.
    loading: usize,
    /// One of them found nothing where it should be.
    moved: bool,
    reads: u32,
    /// The client's patience is over.
    expired: bool,
}

impl Fetching {
    pub(super) fn new(topics: Vec<Topic>, bytes_max: u64, bytes_min: u64, stable_only: bool) -> Self {
        Fetching {
            topics,
            bytes_max,
            bytes_min,
            stable_only,
            loads: Vec::new(),
            loading: 0,
            moved: false,
            reads: 0,
            expired: false,
        }
    }

    /// Answers at once if there is enough, or waits.
    pub(super) fn begin(mut self, cx: &mut Cx<'_>, wait: Duration) -> Reply {
        let has_reads = self.parts().any(|part| part.read.is_ok());
        self.expired = wait.is_zero() || !has_reads || self.parts().any(|part| part.read.is_err());
        match self.attempt(cx) {
            Some(reply) => reply,
            None => cx.park(self, Some(wait)),
        }
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.topics.iter().flat_map(|topic| &topic.parts)
    }

    /// Reads; the answer, unless something is to be waited for.
    fn attempt(&mut self, cx: &mut Cx<'_>) -> Option<Reply> {
        self.reads += 1;
        let reads: Vec<Read> = self.parts().filter_map(|part| part.read.ok()).collect();
        let wake_below = (!self.expired).then_some(self.bytes_min);
        let mut outs = cx.hall.read(&reads, wake_below).into_iter();
        let readable = self.topics.iter_mut().flat_map(|topic| &mut topic.parts);
        for part in readable.filter(|part| part.read.is_ok()) {
            part.out = outs.next();
        }
        let (bytes, cold, failed) = self.allot();
        if !cold.is_empty() {
            self.loading = cold.len();
            self.moved = false;
            cx.hall.load(cx.head.token, &cold);
            return None;
        }
        (failed || self.expired || bytes >= self.bytes_min).then(|| self.answer(cx))
    }

    /// Shares the bytes of the answer out, to each partition in its turn: bytes that are there, what is to be loaded,
    /// and whether a partition has failed. The first that has anything gives a batch however large it is.
    fn allot(&mut self) -> (u64, Vec<Cold>, bool) {
        let (mut left, mut bytes, mut failed) = (self.bytes_max, 0, false);
        let is_cold = |part: &&Part| matches!(part.out, Some(ReadOut { found: Found::Cold(_), .. }));
        let share = COLD_BYTES_MAX / self.parts().filter(is_cold).count().max(1) as u64;
        let mut cold = Vec::new();
        self.loads.clear();
        for (t, topic) in self.topics.iter_mut().enumerate() {
            for (p, part) in topic.parts.iter_mut().enumerate() {
                part.runs.clear();
                let (Some(out), Ok(read)) = (&part.out, &part.read) else { continue };
                let is_first = bytes == 0 && cold.is_empty();
                match &out.found {
                    Found::Runs(runs) => {
                        part.runs = cut(runs, left.min(read.max_bytes.into()), is_first);
                        let given: u64 = part.runs.iter().map(|run| run.bytes.len() as u64).sum();
                        bytes += given;
                        left = left.saturating_sub(given);
                    }
                    Found::Cold(span) if left > 0 || is_first => {
                        let mut span = span.clone();
                        span.cut(share.min(left));
                        left = left.saturating_sub(span.weight());
                        cold.push(span);
                        self.loads.push((t, p));
                    }
                    Found::Cold(_) => {}
                    Found::OutOfRange | Found::NoPartition | Found::Forbidden => failed = true,
                }
            }
        }
        (bytes, cold, failed)
    }

    /// Something was read from disk; whether it was the last of it.
    fn loaded(&mut self, loaded: &Loaded) -> bool {
        let Some(&(t, p)) = self.loads.get(loaded.index) else { return false };
        let part = &mut self.topics[t].parts[p];
        match (&loaded.runs, &mut part.out) {
            (Some(runs), Some(out)) => out.found = Found::Runs(runs.clone()),
            _ => self.moved = true,
        }
        self.loading = self.loading.saturating_sub(1);
        self.loading == 0
    }

    /// All that was to be read from disk is there: it is shared out anew, now that its size is known.
    fn after_loads(&mut self, cx: &mut Cx<'_>) -> Option<Reply> {
        if self.moved && self.reads < READS_MAX {
            return self.attempt(cx);
        }
        for (t, p) in std::mem::take(&mut self.loads) {
            let part = &mut self.topics[t].parts[p];
            if part.out.as_ref().is_some_and(|out| matches!(out.found, Found::Cold(_))) {
                part.read = Err(ErrorCode::KAFKA_STORAGE_ERROR);
            }
        }
        // What was left for want of room may be cold still: it is not asked for now.
        self.allot();
        Some(self.answer(cx))
    }

    fn answer(&mut self, cx: &Cx<'_>) -> Reply {
        let stable_only = self.stable_only;
        let topic = |topic: &mut Topic| FetchedTopic {
            partitions: topic.parts.iter_mut().map(|part| fetched(part, &topic.name, stable_only)).collect(),
            topic: std::mem::take(&mut topic.name).into(),
            topic_id: topic.id,
        };
        let responses = self.topics.iter_mut().map(topic).collect();
        cx.reply(&FetchResponse { responses, ..Default::default() })
    }
}

impl Parked for Fetching {
    fn poll(&mut self, cx: &mut Cx<'_>, why: Wake<'_>) -> Option<Reply> {
        match why {
            Wake::Event(Event::Loaded(loaded)) => {
                if self.loading > 0 && self.loaded(loaded) {
                    self.after_loads(cx)
                } else {
                    None
                }
            }
            Wake::Event(_) => None,
            Wake::Deadline => {
                self.expired = true;
                if self.loading > 0 { None } else { self.attempt(cx) }
            }
            Wake::Signal => {
                if self.loading > 0 {
                    return None;
                }
                self.reads = 0;
                self.attempt(cx)
            }
        }
    }

    fn is_alone(&self) -> bool {
        true
    }
}

/// As many whole batches and messages as fit; the first however large it is, if that is wanted.
fn cut(runs: &[Run], bytes_max: u64, at_least_one: bool) -> Vec<Run> {
    let mut left = bytes_max;
    let mut kept: Vec<Run> = Vec::new();
    for run in runs {
        if run.bytes.len() as u64 <= left {
            left -= run.bytes.len() as u64;
            kept.push(run.clone());
            continue;
        }
        let whole = convert::cut(run, left, at_least_one && kept.is_empty());
        kept.extend(whole);
        break;
    }
    kept
}

fn fetched(part: &mut Part, topic: &str, stable_only: bool) -> FetchedPartition<'static> {
    let failed = |error_code| FetchedPartition {
        partition_index: part.index,
        error_code,
        high_watermark: -1,
        aborted_transactions: stable_only.then(Default::default),
        ..Default::default()
    };
    let out = match (&part.read, part.out.take()) {
        (Ok(_), Some(out)) => out,
        (Err(code), _) => return failed(*code),
        (Ok(_), None) => return failed(ErrorCode::UNKNOWN_SERVER_ERROR),
    };
    match out.found {
        Found::OutOfRange => return failed(ErrorCode::OFFSET_OUT_OF_RANGE),
        Found::NoPartition => return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        Found::Forbidden => return failed(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        Found::Runs(_) | Found::Cold(_) => {}
    }
    let records: Result<Vec<_>, _> = part.runs.drain(..).map(|run| convert::to_batches(run, topic)).collect();
    let Ok(records) = records else { return failed(ErrorCode::KAFKA_STORAGE_ERROR) };
    let aborted = out.aborted.into_iter().map(|transaction| AbortedTransaction {
        producer_id: transaction.producer,
        first_offset: transaction.first.cast_signed(),
    });
    FetchedPartition {
        partition_index: part.index,
        high_watermark: out.high_watermark.cast_signed(),
        last_stable_offset: out.last_stable.cast_signed(),
        log_start_offset: out.start.cast_signed(),
        aborted_transactions: stable_only.then(|| aborted.collect()),
        records: Batches::from(records),
        ..Default::default()
    }
}
