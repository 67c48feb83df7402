//! Searches for offsets: chunk by chunk, in memory or read from disk, all partitions of a request together.

use anymq_batch::{BatchHeader, DECOMPRESSED_BYTES_MAX, Fault, Stamped, first_since, latest};
use anymq_broker::topics::{Cold, Encoding, Loaded, OffsetFound, OffsetOf, Run};
use anymq_broker::{ErrorKind, Event};
use anymq_types::record::Records;
use anymq_types::{Millis, QueueId};

use crate::errors::topic_error;
use crate::session::{Cx, Parked, Reply, Wake};
use crate::topics::LEADER_EPOCH;
use crate::wire::ErrorCode;
use crate::wire::messages::offsets::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};

/// How often a chunk is read again because it has moved on disk meanwhile.
const READS_MAX: u32 = 4;

/// What is looked for in chunks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The first message that is so late.
    Since(Millis),
    /// The latest of all.
    Latest,
}

/// What is looked for in a partition.
pub(super) enum Target {
    Edge(QueueId, OffsetOf),
    Chunks(QueueId, Place),
    /// In what there is nothing of.
    Nowhere,
}

/// A partition of a request.
pub(super) struct Search {
    index: i32,
    /// Most offsets, in version 0.
    offsets_max: i32,
    target: Result<Target, ErrorCode>,
    /// Chunks before this offset were looked into.
    from: u64,
    best: Option<Stamped>,
    done: bool,
    /// Reads of the same chunk in vain.
    vain: u32,
}

/// A topic of a request.
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) searches: Vec<Search>,
}

/// A request that is not answered yet.
pub(super) struct Searching {
    topics: Vec<Topic>,
    /// Chunks that are being read: which partition each is of.
    loads: Vec<(usize, usize)>,
    /// How many of them are not back.
    loading: usize,
}

impl Search {
    pub(super) fn new(index: i32, offsets_max: i32, target: Result<Target, ErrorCode>) -> Self {
        Search { index, offsets_max, target, from: 0, best: None, done: false, vain: 0 }
    }

    /// Goes on until the search is done or has to read from disk.
    fn advance(&mut self, cx: &Cx<'_>) -> Option<Cold> {
        while !self.done {
            let (id, of) = match &self.target {
                Ok(Target::Edge(id, of)) => (*id, *of),
                Ok(Target::Chunks(id, Place::Since(at))) => {
                    (*id, OffsetOf::Since { at: *at, from: self.from })
                }
                Ok(Target::Chunks(id, Place::Latest)) => (*id, OffsetOf::Latest { from: self.from }),
                Ok(Target::Nowhere) | Err(_) => break,
            };
            match cx.hall.offset_of(id, of) {
                Ok(OffsetFound::Offset(offset)) => {
                    self.best = Some(Stamped { offset: offset.cast_signed(), timestamp: -1 });
                    break;
                }
                Ok(OffsetFound::In(run)) => self.look(&run),
                Ok(OffsetFound::Cold(cold)) => return Some(cold),
                Ok(OffsetFound::Nothing) => break,
                Err(error) => self.fail(match error.kind {
                    ErrorKind::NotFound => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    kind => topic_error(kind),
                }),
            }
        }
        self.done = true;
        None
    }

    fn fail(&mut self, code: ErrorCode) {
        self.target = Err(code);
        self.done = true;
    }

    /// Looks into a chunk.
    fn look(&mut self, run: &Run) {
        let Ok(Target::Chunks(_, place)) = self.target else { return };
        match in_run(run, place, self.from) {
            Err(_) => self.fail(ErrorCode::KAFKA_STORAGE_ERROR),
            Ok(found) => {
                self.vain = 0;
                // The next chunk is behind this one, whatever it says.
                self.from = run.end.max(self.from + 1);
                let Some(found) = found else { return };
                match place {
                    Place::Since(_) => {
                        self.best = Some(found);
                        self.done = true;
                    }
                    Place::Latest if self.best.is_none_or(|best| best.timestamp < found.timestamp) => {
                        self.best = Some(found);
                    }
                    Place::Latest => {}
                }
            }
        }
    }

    fn loaded(&mut self, loaded: &Loaded) {
        match &loaded.runs {
            Some(runs) => {
                for run in runs {
                    if !self.done {
                        self.look(run);
                    }
                }
            }
            None => {
                self.vain += 1;
                if self.vain >= READS_MAX {
                    self.fail(ErrorCode::KAFKA_STORAGE_ERROR);
                }
            }
        }
    }

    fn answer(&self, version: i16) -> ListOffsetsPartitionResponse<'static> {
        let partition_index = self.index;
        if let Err(error_code) = self.target {
            return ListOffsetsPartitionResponse { partition_index, error_code, ..Default::default() };
        }
        let Some(Stamped { offset, timestamp }) = self.best else {
            return ListOffsetsPartitionResponse { partition_index, ..Default::default() };
        };
        let old_style_offsets = match version {
            0 if self.offsets_max > 0 => vec![offset].into(),
            _ => Default::default(),
        };
        ListOffsetsPartitionResponse {
            partition_index,
            error_code: ErrorCode::NONE,
            old_style_offsets,
            timestamp,
            offset,
            leader_epoch: LEADER_EPOCH,
        }
    }
}

impl Searching {
    pub(super) fn new(topics: Vec<Topic>) -> Self {
        Searching { topics, loads: Vec::new(), loading: 0 }
    }

    /// Answers at once if all that is looked for is in memory.
    pub(super) fn begin(mut self, cx: &mut Cx<'_>) -> Reply {
        match self.advance(cx) {
            Some(reply) => reply,
            None => cx.park(self, None),
        }
    }

    fn advance(&mut self, cx: &mut Cx<'_>) -> Option<Reply> {
        let mut cold = Vec::new();
        self.loads.clear();
        for (t, topic) in self.topics.iter_mut().enumerate() {
            for (p, search) in topic.searches.iter_mut().enumerate() {
                if let Some(chunk) = search.advance(cx) {
                    cold.push(chunk);
                    self.loads.push((t, p));
                }
            }
        }
        self.loading = cold.len();
        if self.loading > 0 {
            cx.hall.load(cx.head.token, &cold);
            return None;
        }
        Some(self.answer(cx))
    }

    fn answer(&mut self, cx: &Cx<'_>) -> Reply {
        let topic = |topic: &mut Topic| ListOffsetsTopicResponse {
            name: std::mem::take(&mut topic.name).into(),
            partitions: topic.searches.iter().map(|search| search.answer(cx.version())).collect(),
        };
        let topics = self.topics.iter_mut().map(topic).collect();
        cx.reply(&ListOffsetsResponse { topics, ..Default::default() })
    }
}

impl Parked for Searching {
    fn poll(&mut self, cx: &mut Cx<'_>, why: Wake<'_>) -> Option<Reply> {
        let Wake::Event(Event::Loaded(loaded)) = why else { return None };
        let &(t, p) = self.loads.get(loaded.index)?;
        self.topics[t].searches[p].loaded(loaded);
        self.loading -= 1;
        if self.loading > 0 { None } else { self.advance(cx) }
    }
}

/// The message of a run that is looked for, from an offset on.
fn in_run(run: &Run, place: Place, from: u64) -> Result<Option<Stamped>, Fault> {
    match run.encoding {
        Encoding::Canonical => Ok(in_messages(run, place, from)),
        Encoding::Batches => in_batches(run, place, from.cast_signed()),
    }
}

fn in_messages(run: &Run, place: Place, from: u64) -> Option<Stamped> {
    let messages = (run.base..).zip(Records::new(&run.bytes)).filter(|(offset, _)| *offset >= from);
    let mut stamped = messages.map(|(offset, record)| Stamped {
        offset: offset.cast_signed(),
        timestamp: record.timestamp.0.cast_signed(),
    });
    match place {
        Place::Since(at) => stamped.find(|message| message.timestamp >= at.0.cast_signed()),
        // Of several the first.
        Place::Latest => {
            stamped.reduce(|best, message| if message.timestamp > best.timestamp { message } else { best })
        }
    }
}

fn in_batches(run: &Run, place: Place, from: i64) -> Result<Option<Stamped>, Fault> {
    let (mut best, mut rest) = (None::<Stamped>, &run.bytes[..]);
    while !rest.is_empty() {
        let size = BatchHeader::parse(rest)?.size();
        let (batch, after) =
            rest.split_at_checked(size).ok_or(Fault::Cut { have: rest.len(), need: size })?;
        rest = after;
        match place {
            Place::Since(at) => {
                let found = first_since(batch, at.0.cast_signed(), from, DECOMPRESSED_BYTES_MAX)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            Place::Latest => {
                let found = latest(batch, DECOMPRESSED_BYTES_MAX)?.filter(|found| found.offset >= from);
                best = best.filter(|best| found.is_none_or(|f| f.timestamp <= best.timestamp)).or(found);
            }
        }
    }
    Ok(best)
}
