//! A share fetch under way: what is in memory is there at once, what is on disk is asked for, and what is not there is waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use anymq_broker::topics::Run;
use anymq_broker::{Acquired, Event, ShareFetch, Shared, SharedFound};
use anymq_types::Position;

use super::super::share::{Acked, acked, by_topic, share_error};
use super::refuse;
use crate::convert;
use crate::session::{Cx, Parked, Reply, Wake};
use crate::topics::uuid;
use crate::wire::messages::share_fetch::{
    AcquiredRecords, ShareFetchResponse, ShareFetchedPartition, ShareFetchedTopic,
};
use crate::wire::{Batches, ErrorCode, Uuid};

/// How often a partition is read from disk in vain, and how often after the client's patience is over.
const LOADS_MAX: u32 = 8;

/// A share fetch that is not answered yet.
#[derive(Default)]
pub(super) struct Sharing {
    pub(super) group: String,
    pub(super) member: String,
    pub(super) records: u32,
    pub(super) strict: bool,
    pub(super) range: u32,
    pub(super) bytes: u32,
    pub(super) lock_ms: i32,
    /// What became of the acknowledgements that came with it.
    pub(super) acked: Vec<Acked>,
    /// They are told once that is on disk.
    pub(super) commit: Option<Position>,
    /// The partition that is being read from disk.
    pub(super) loading: Option<Shared>,
    /// How often something was read from disk, and how often it was not where it should be.
    pub(super) loads: u32,
    pub(super) failed: u32,
    /// The client's patience is over.
    pub(super) expired: bool,
}

impl Sharing {
    /// Answers at once if there is anything, or waits.
    pub(super) fn begin(mut self, cx: &mut Cx<'_>, wait: Duration) -> Reply {
        self.expired = wait.is_zero() || self.records == 0 || self.bytes == 0;
        if self.records == 0 || self.bytes == 0 {
            return self.answer(cx, Vec::new());
        }
        match self.attempt(cx, None) {
            Some(reply) => reply,
            None => cx.park(self, Some(wait)),
        }
    }

    /// Takes what is there; the answer, unless something is to be waited for.
    fn attempt(&mut self, cx: &mut Cx<'_>, loaded: Option<(usize, Vec<Run>)>) -> Option<Reply> {
        let found = cx.hall.share_fetch(ShareFetch {
            group: &self.group,
            member: &self.member,
            node: cx.node_id(),
            records: self.records,
            strict: self.strict,
            range: self.range,
            bytes: self.bytes,
            wake: !self.expired,
            loaded,
        });
        let mut found = match found {
            Ok(found) => found,
            Err(fault) => return Some(refuse(cx, share_error(&fault))),
        };
        if let Some(place) = found.iter().position(|shared| matches!(shared.found, SharedFound::Cold(_))) {
            if self.failed >= LOADS_MAX {
                return Some(self.answer(cx, found));
            }
            let shared = found.swap_remove(place);
            // Others may take what was read, again and again.
            if self.expired && self.loads >= LOADS_MAX {
                return Some(self.answer(cx, found));
            }
            if let SharedFound::Cold(cold) = &shared.found {
                self.loads += 1;
                cx.hall.load(cx.head.token, std::slice::from_ref(cold));
            }
            self.loading = Some(shared);
            return None;
        }
        let has_records = found.iter().any(|shared| matches!(shared.found, SharedFound::Records(..)));
        (has_records || self.expired).then(|| self.answer(cx, found))
    }

    fn answer(&mut self, cx: &Cx<'_>, found: Vec<Shared>) -> Reply {
        let mut parts: BTreeMap<(Uuid, i32), ShareFetchedPartition<'static>> = BTreeMap::new();
        for (topic, partition_index, result) in self.acked.drain(..) {
            let (acknowledge_error_code, acknowledge_error_message) = acked(&result);
            let part = parts.entry((topic, partition_index)).or_default();
            (part.acknowledge_error_code, part.acknowledge_error_message) =
                (acknowledge_error_code, acknowledge_error_message);
        }
        for shared in found {
            let part = parts.entry((uuid(shared.topic), shared.partition)).or_default();
            match shared.found {
                SharedFound::Records(acquired, runs) => take(part, &shared.name, acquired, runs),
                SharedFound::NoTopic => part.error_code = ErrorCode::UNKNOWN_TOPIC_ID,
                SharedFound::NoPartition => part.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                SharedFound::Forbidden => part.error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED,
                // It was read often enough.
                SharedFound::Cold(_) => part.error_code = ErrorCode::KAFKA_STORAGE_ERROR,
            }
        }
        let parts = parts.into_iter().map(|((topic, partition_index), part)| {
            (topic, ShareFetchedPartition { partition_index, ..part })
        });
        let topic = |(topic_id, parts): (_, Vec<_>)| ShareFetchedTopic { topic_id, partitions: parts.into() };
        let response = ShareFetchResponse {
            acquisition_lock_timeout_ms: self.lock_ms,
            responses: by_topic(parts).into_iter().map(topic).collect(),
            ..Default::default()
        };
        cx.reply_when(self.commit, &response)
    }
}

fn take(part: &mut ShareFetchedPartition<'static>, topic: &str, acquired: Vec<Acquired>, runs: Vec<Run>) {
    let batches: Result<Vec<_>, _> = runs.into_iter().map(|run| convert::to_batches(run, topic)).collect();
    let Ok(batches) = batches else {
        // They come back when their time is over.
        part.error_code = ErrorCode::KAFKA_STORAGE_ERROR;
        return;
    };
    part.records = Batches::from(batches);
    let range = |range: Acquired| AcquiredRecords {
        first_offset: range.first.cast_signed(),
        last_offset: range.last.cast_signed(),
        delivery_count: range.count.cast_signed(),
    };
    part.acquired_records = acquired.into_iter().map(range).collect();
}

impl Parked for Sharing {
    fn poll(&mut self, cx: &mut Cx<'_>, why: Wake<'_>) -> Option<Reply> {
        match why {
            Wake::Event(Event::Loaded(loaded)) => {
                let shared = self.loading.take()?;
                self.failed += u32::from(loaded.runs.is_none());
                self.attempt(cx, loaded.runs.clone().map(|runs| (shared.place, runs)))
            }
            Wake::Event(_) => None,
            Wake::Deadline => {
                self.expired = true;
                if self.loading.is_some() { None } else { self.attempt(cx, None) }
            }
            Wake::Signal => {
                if self.loading.is_some() {
                    return None;
                }
                (self.loads, self.failed) = (0, 0);
                self.attempt(cx, None)
            }
        }
    }

    fn is_alone(&self) -> bool {
        true
    }
}
