//! Members get records.

use std::sync::Arc;

use anymq_auth::Action;
use anymq_batch::BatchHeader;
use anymq_types::{ConnectionId, Millis, Position, QueueId, VhostId};

use super::super::Core;
use crate::core::fx::Fx;
use crate::core::partitions::Refused;
use crate::core::partitions::open::OpenTransactions;
use crate::groups::api::GroupFault;
use crate::groups::offsets_api::TopicRef;
use crate::groups::settings::{Reset, Resolved};
use crate::groups::share::durable::{Place, Where};
use crate::groups::share::partition::{Unit, Wanted};
use crate::groups::share_api::{Acquired, ShareFault, ShareFetch, Shared, SharedFound};
use crate::journal::SHARE_TAKEN;
use crate::queue::encoding::Encoding;
use crate::topics::{Found, OffsetFound, Run};

/// How often a partition is read on when all that was read was of aborted transactions.
const READS_MAX: usize = 16;

/// What is left of a fetch for the partitions that follow.
struct Left {
    records: u64,
    bytes: u32,
}

/// A partition of a fetch, and for whom it is read.
struct Asked<'a> {
    at: Where<'a>,
    member: &'a Arc<str>,
    settings: &'a Resolved,
    committed: Position,
    request: &'a ShareFetch<'a>,
}

impl Core {
    /// Gives a member what is free in the partitions of its session, beginning with another one each time. What is on disk only is named,
    /// one partition at a time, as long as there is nothing else.
    pub(crate) fn share_fetch(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        committed: Position,
        request: &mut ShareFetch<'_>,
    ) -> Result<Vec<Shared>, ShareFault> {
        let vhost = self.group_caller(session, request.group)?.vhost;
        let settings = self.group_settings(vhost, request.group);
        let turn = self.groups.with_share(fx.now, vhost, request.group, |share| {
            share.sessions.take_turn(request.node, request.member)
        });
        let (partitions, turn) = turn.ok_or(GroupFault::NotFound)?.ok_or(ShareFault::NoSession)?;
        let mut loaded = request.loaded.take().filter(|(place, _)| *place < partitions.len());
        let begin = loaded.as_ref().map_or(turn, |(place, _)| *place);
        let member: Arc<str> = request.member.into();
        let mut left = Left { records: request.records.into(), bytes: request.bytes };
        let (mut found, mut seen) = (Vec::new(), Vec::new());
        for step in 0..partitions.len() {
            let place = (begin + step) % partitions.len();
            let (topic, number) = partitions[place];
            let mut push = |name: Arc<str>, what| {
                found.push(Shared { place, topic, name, partition: number, found: what });
            };
            let (name, partition) = match self.shared_partition(session, vhost, topic, number) {
                Ok(partition) => partition,
                Err(why) => {
                    push(Arc::default(), why);
                    continue;
                }
            };
            seen.push(partition);
            if left.records == 0 || left.bytes == 0 {
                continue;
            }
            let at = Where { vhost, group: request.group, partition };
            let asked = Asked { at, member: &member, settings: &settings, committed, request };
            let runs = loaded.take().map(|(_, runs)| runs);
            match self.take_shared(fx, &asked, runs, &mut left) {
                Some(SharedFound::Cold(_)) if left.records < u64::from(request.records) => {}
                Some(cold @ SharedFound::Cold(_)) => {
                    push(name, cold);
                    return Ok(found);
                }
                Some(what) => push(name, what),
                None => {}
            }
        }
        if request.wake && found.is_empty() {
            seen.into_iter().for_each(|partition| self.watch(session, partition));
        }
        Ok(found)
    }

    fn shared_partition(
        &self,
        session: ConnectionId,
        vhost: VhostId,
        topic: crate::topics::TopicId,
        number: i32,
    ) -> Result<(Arc<str>, QueueId), SharedFound> {
        let found = self.find_topic(vhost, TopicRef::Id(topic)).ok_or(SharedFound::NoTopic)?;
        let id = found.partition(number).ok_or(SharedFound::NoPartition)?;
        let name = found.name.clone();
        match self.may_use(session, id, Action::Read) {
            Ok(()) => Ok((name, id)),
            Err(Refused::NoPartition) => Err(SharedFound::NoPartition),
            Err(Refused::Forbidden) => Err(SharedFound::Forbidden),
        }
    }

    /// Takes what is free of a partition; [`None`] if nothing is.
    fn take_shared(
        &mut self,
        fx: &mut Fx<'_>,
        asked: &Asked<'_>,
        mut loaded: Option<Vec<Run>>,
        left: &mut Left,
    ) -> Option<SharedFound> {
        let (at, id) = (&asked.at, asked.at.partition);
        let high = self.high_watermark(id, asked.committed);
        let limit = if asked.settings.committed_only {
            self.partitions.get(&id).map_or(high, |p| p.transactions.last_stable(high))
        } else {
            high
        };
        self.begin_place(fx, at, asked.settings.reset, limit);
        let start = self.queues.get(&id)?.log_start();
        let mut before = None;
        for _ in 0..READS_MAX {
            let next = self.with_place(fx, at, SHARE_TAKEN, |place, _| {
                place.trim(start);
                place.has_room(asked.settings.locks_max).then(|| place.next())
            })??;
            if next >= limit || before.replace(next) == Some(next) {
                return None;
            }
            let runs = match loaded.take().filter(|runs| holds(runs, next)) {
                Some(runs) => runs,
                None => match self.queues.get(&id)?.find_runs(next, limit, left.bytes, true) {
                    Found::Runs(runs) => runs,
                    Found::Cold(cold) => return Some(SharedFound::Cold(cold)),
                    Found::OutOfRange | Found::NoPartition | Found::Forbidden => return None,
                },
            };
            let acquired = self.acquire(fx, asked, next, &runs, left.records);
            let (Some(first), Some(last)) = (acquired.first(), acquired.last()) else { continue };
            let runs = cut_to(runs, first.first, last.last);
            let bytes: usize = runs.iter().map(|run| run.bytes.len()).sum();
            let records: u64 = acquired.iter().map(|range| range.last - range.first + 1).sum();
            left.bytes = left.bytes.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
            left.records = left.records.saturating_sub(records);
            return Some(SharedFound::Records(acquired, runs));
        }
        None
    }

    fn acquire(
        &mut self,
        fx: &mut Fx<'_>,
        asked: &Asked<'_>,
        from: u64,
        runs: &[Run],
        records: u64,
    ) -> Vec<Acquired> {
        let (settings, request) = (asked.settings, asked.request);
        let until = Millis(fx.now.0.saturating_add(settings.lock_ms));
        let wanted = Wanted {
            by: asked.member.clone(),
            until,
            records,
            strict: request.strict,
            range: request.range.max(1).into(),
            locks_max: settings.locks_max,
            attempts_max: settings.attempts_max,
        };
        let transactions = settings.committed_only.then(|| {
            let known = self.partitions.get(&asked.at.partition);
            known.map(|partition| partition.transactions.clone())
        });
        let transactions = transactions.flatten();
        let units = runs.iter().flat_map(|run| units(run, transactions.as_ref()));
        let acquired = self.with_place(fx, &asked.at, SHARE_TAKEN, |place, changes| {
            place.acquire(from, units, &wanted, changes)
        });
        let acquired = acquired.unwrap_or_default();
        if !acquired.is_empty() {
            self.arm_locks(fx, &asked.at, until);
        }
        acquired
    }

    /// Makes sure that the group has a place in the partition.
    fn begin_place(&mut self, fx: &mut Fx<'_>, at: &Where<'_>, reset: Reset, limit: u64) {
        let share = self.groups.get(at.vhost, at.group).and_then(|group| group.as_share());
        if share.is_none_or(|share| share.partition(at.partition).is_some()) {
            return;
        }
        let Some(queue) = self.queues.get(&at.partition) else { return };
        let start = queue.log_start();
        let begin = match reset {
            Reset::Earliest => start,
            Reset::Latest => limit.max(start),
            Reset::Since(ms) => {
                let since = fx.now.0.saturating_sub(ms);
                let found = queue.chunk_where(start, limit, |e| (u64::from(e.time_s) + 1) * 1000 > since);
                match found {
                    OffsetFound::In(run) => first_since(&run, since),
                    // Of what is on disk, from the chunk that holds it on.
                    OffsetFound::Cold(cold) => cold.offset,
                    OffsetFound::Offset(_) | OffsetFound::Nothing => limit.max(start),
                }
            }
        };
        self.set_place(fx, at, Place::Begin(begin), SHARE_TAKEN);
    }
}

/// The batches or messages of a run, one behind the other.
fn units<'r>(run: &'r Run, transactions: Option<&'r OpenTransactions>) -> impl Iterator<Item = Unit> {
    let (mut byte, mut base) = (0, run.base);
    run.encoding.units(&run.bytes).map(move |(bytes, offsets)| {
        let wanted = match run.encoding {
            Encoding::Canonical => true,
            Encoding::Batches => BatchHeader::parse(&run.bytes[byte..]).is_ok_and(|header| {
                let aborted = header.attributes.is_transactional()
                    && transactions.is_some_and(|known| known.is_aborted(header.producer_id, base));
                !header.attributes.is_control() && !aborted
            }),
        };
        let unit = Unit { base, end: base + offsets, wanted };
        byte += bytes;
        base = unit.end;
        unit
    })
}

/// Whether what was read is what is to be given next.
fn holds(runs: &[Run], next: u64) -> bool {
    runs.first().is_some_and(|run| run.base <= next) && runs.last().is_some_and(|run| run.end > next)
}

/// The batches or messages that hold `first..=last`, and those between them.
fn cut_to(runs: Vec<Run>, first: u64, last: u64) -> Vec<Run> {
    runs.into_iter()
        .filter(|run| run.end > first && run.base <= last)
        .map(|run| cut(run, first, last))
        .collect()
}

fn cut(run: Run, first: u64, last: u64) -> Run {
    let (mut byte, mut base) = (0, run.base);
    let (mut from, mut to) = ((0, run.base), (0, run.base));
    for (bytes, offsets) in run.encoding.units(&run.bytes) {
        if base > last {
            break;
        }
        if base + offsets <= first {
            from = (byte + bytes, base + offsets);
        }
        (byte, base) = (byte + bytes, base + offsets);
        to = (byte, base);
    }
    Run { encoding: run.encoding, base: from.1, end: to.1, bytes: run.bytes.slice(from.0..to.0) }
}

/// The first batch or message of a run that is no older.
fn first_since(run: &Run, since: u64) -> u64 {
    let (mut byte, mut base) = (0, run.base);
    for (bytes, offsets) in run.encoding.units(&run.bytes) {
        let unit = &run.bytes[byte..byte + bytes];
        let at = match run.encoding {
            Encoding::Canonical => anymq_types::record::Record::parse(unit).map(|record| record.timestamp.0),
            Encoding::Batches => {
                BatchHeader::parse(unit).ok().and_then(|h| u64::try_from(h.max_timestamp).ok())
            }
        };
        if at.is_some_and(|at| at >= since) {
            return base;
        }
        (byte, base) = (byte + bytes, base + offsets);
    }
    base
}
