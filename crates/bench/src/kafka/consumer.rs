//! A connection that consumes: fetches its partitions again and again, and times each record by the due time in its value.

use std::net::TcpStream;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result, ensure};
use anymq_batch::{BatchHeader, DECOMPRESSED_BYTES_MAX, Fault, HEADER_BYTES, Records, first_size};
use anymq_kafka::wire::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition,
};
use anymq_kafka::wire::{ApiKey, Uuid};

use super::connection::{Connection, check, decode, encode, next_frame};
use super::content;
use super::load::Load;
use super::topic::Topic;
use crate::clock::Nanos;
use crate::live::Live;
use crate::result::Tally;
use crate::socket::{Io, Socket};
use crate::worker::Member;

/// Consuming side of a run: the partitions of one consumer that one server leads.
#[derive(Debug)]
pub(crate) struct Consumer {
    connection: Connection,
    fetching: Fetching,
    reading: Reading,
    /// A fetch is on its way.
    asked: bool,
}

/// What is asked for.
#[derive(Debug)]
struct Fetching {
    version: i16,
    topic: String,
    topic_id: Uuid,
    places: Vec<Place>,
    wait_ms: i32,
    min_bytes: i32,
    max_bytes: i32,
    partition_bytes: i32,
}

/// Where the consumer is in a partition.
#[derive(Clone, Copy, Debug)]
struct Place {
    partition: i32,
    /// Offset of the record that comes next.
    next: i64,
    /// The same before what is being read.
    from: i64,
}

/// How records are looked at.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Times in the values are of this run, not of an earlier one that filled the topic.
    timed: bool,
    check_crc: bool,
}

impl Consumer {
    /// Consumes from `partitions` of `topic`, each from the offset beside it.
    pub(crate) fn new(
        connection: Connection,
        load: &Load,
        topic: &Topic,
        partitions: &[i32],
        offsets: &[i64],
    ) -> Result<Consumer> {
        let place =
            |(partition, next): (&i32, &i64)| Place { partition: *partition, next: *next, from: *next };
        let fetching = Fetching {
            version: connection.versions.of(ApiKey::Fetch)?,
            topic: topic.name.clone(),
            topic_id: topic.id,
            places: partitions.iter().zip(offsets).map(place).collect(),
            wait_ms: load.fetch_wait.as_millis() as i32,
            min_bytes: load.fetch_min_bytes as i32,
            max_bytes: load.fetch_max_bytes as i32,
            partition_bytes: load.fetch_partition_bytes as i32,
        };
        let reading = Reading { timed: load.producers > 0, check_crc: load.check_crc };
        Ok(Consumer { connection, fetching, reading, asked: false })
    }

    fn ask(&mut self) {
        self.fetching.ask(&mut self.connection.correlation, &mut self.connection.socket.outbox.bytes);
        self.asked = true;
    }

    /// Takes the answer, if it is here as a whole: asks for what follows and then reads the records, so that the server
    /// has something to do meanwhile.
    fn take(&mut self, live: &Live, tally: &mut Tally) -> Result<()> {
        let now = live.clock.now();
        let Consumer { connection: Connection { socket, correlation, .. }, fetching, reading, asked } = self;
        let Socket { stream, inbox, outbox } = socket;
        let Some((frame, bytes)) = next_frame(inbox)? else { return Ok(()) };
        let (id, response) = decode::<FetchResponse<'_>>(frame, fetching.version)?;
        ensure!(*asked && id.wrapping_add(1) == *correlation, "the server answers what it was not asked");
        check(response.error_code, None, || format!("fetch from {}", fetching.topic))?;
        fetching.go_on(&response)?;
        if !live.is_over(now) {
            fetching.ask(correlation, &mut outbox.bytes);
            outbox.flush(stream)?;
        }

        let mut seen = Seen { live, now, tally, due: 0, run: 0, count: 0 };
        for topic in &response.responses {
            for partition in &topic.partitions {
                reading.partition(&partition, fetching.place(partition.partition_index)?.from, &mut seen)?;
            }
        }
        seen.end_run();
        let count = seen.count;
        tally.delivered += if live.is_measured(now) { count } else { 0 };
        live.delivered.fetch_add(count, Relaxed);
        inbox.consume(bytes);
        Ok(())
    }
}

impl Fetching {
    /// Appends the next request.
    fn ask(&self, correlation: &mut i32, out: &mut Vec<u8>) {
        let partitions = self
            .places
            .iter()
            .map(|place| FetchPartition {
                partition: place.partition,
                fetch_offset: place.next,
                partition_max_bytes: self.partition_bytes,
                ..Default::default()
            })
            .collect();
        let topic = FetchTopic { topic: &self.topic, topic_id: self.topic_id, partitions };
        let request = FetchRequest {
            max_wait_ms: self.wait_ms,
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            topics: vec![topic].into(),
            ..Default::default()
        };
        encode(&request.into(), self.version, *correlation, out);
        *correlation = correlation.wrapping_add(1);
    }

    fn place(&mut self, partition: i32) -> Result<&mut Place> {
        let place = self.places.iter_mut().find(|place| place.partition == partition);
        place.with_context(|| {
            format!("the server answers about partition {partition}, for which nobody asked")
        })
    }

    /// Moves all places behind what the response has.
    fn go_on(&mut self, response: &FetchResponse<'_>) -> Result<()> {
        for topic in &response.responses {
            for partition in &topic.partitions {
                let index = partition.partition_index;
                check(partition.error_code, None, || format!("fetch from {}-{index}", self.topic))?;
                let place = self.place(index)?;
                place.from = place.next;
                whole_batches(&partition, |batch| {
                    let header = BatchHeader::parse(batch)?;
                    place.next = place.next.max(header.last_offset() + 1);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}

/// Calls `each` with the batches of a partition. The last may be cut: a server reads so many bytes and looks no further.
fn whole_batches(
    partition: &FetchedPartition<'_>,
    mut each: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<()> {
    let mut batches = || {
        for piece in partition.records.pieces() {
            let mut rest = piece;
            while rest.len() >= HEADER_BYTES {
                let Some((batch, after)) = rest.split_at_checked(first_size(rest)?) else { break };
                each(batch)?;
                rest = after;
            }
        }
        Ok::<(), Fault>(())
    };
    batches().with_context(|| format!("a bad batch in partition {}", partition.partition_index))
}

impl Reading {
    /// Looks at the records of a partition from offset `from` on.
    fn partition(self, partition: &FetchedPartition<'_>, from: i64, seen: &mut Seen<'_>) -> Result<()> {
        let mut strangers = false;
        whole_batches(partition, |batch| {
            let mut records = Records::new(batch, DECOMPRESSED_BYTES_MAX)?;
            if self.check_crc {
                records.header().check_bytes(batch)?;
            }
            if records.header().attributes.is_control() {
                return Ok(());
            }
            while let Some(record) = records.next_record()? {
                if record.offset < from {
                    continue;
                }
                match content::due(record.value) {
                    _ if !self.timed => seen.count += 1,
                    Some(due) => seen.record(due),
                    None => strangers = true,
                }
            }
            Ok(())
        })?;
        ensure!(!strangers, "a record without a time: the topic is used by somebody else");
        Ok(())
    }
}

/// What was seen in a response.
struct Seen<'a> {
    live: &'a Live,
    now: Nanos,
    tally: &'a mut Tally,
    /// The time of the latest records, and how many they are.
    due: Nanos,
    run: u64,
    count: u64,
}

impl Seen<'_> {
    #[inline]
    fn record(&mut self, due: Nanos) {
        if due != self.due {
            self.end_run();
            self.due = due;
        }
        self.run += 1;
        self.count += 1;
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            let latency = self.now.saturating_sub(self.due);
            self.tally.latencies(latency, self.run, self.live.is_measured(self.due));
            self.run = 0;
        }
    }
}

impl Member for Consumer {
    fn stream(&self) -> &TcpStream {
        &self.connection.socket.stream
    }

    fn turn(&mut self, readable: &mut bool, live: &Live, tally: &mut Tally) -> Result<Io> {
        if !self.asked {
            self.ask();
        }
        self.connection.socket.flush()?;
        if *readable {
            *readable = self.connection.socket.fill()? == Io::Again;
            self.take(live, tally)?;
        }
        Ok(if *readable { Io::Again } else { Io::Blocked })
    }

    fn close(self) -> Result<()> {
        // A fetch is waiting at the server; nothing is lost with it.
        Ok(())
    }
}
