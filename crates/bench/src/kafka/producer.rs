//! A connection that produces, as fast as it can or by a schedule, and times its acknowledgements.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result, ensure};
use anymq_kafka::wire::messages::produce::{ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic};
use anymq_kafka::wire::{ApiKey, Uuid};

use super::batches::{Batches, Dues};
use super::connection::{Connection, check, decode, encode, next_frame};
use super::load::{Acks, Load};
use super::topic::Topic;
use crate::clock::{Nanos, SECOND};
use crate::live::Live;
use crate::result::Tally;
use crate::schedule::Schedule;
use crate::socket::Io;
use crate::worker::Member;

/// How long a server may wait for replicas.
const TIMEOUT_MS: i32 = 30_000;
/// How long a producer waits before it looks again whether the consumers have caught up.
const PAUSE: Nanos = SECOND / 20_000;
/// Requests of one connection before others get their turn.
const REQUESTS_PER_TURN: usize = 4;
/// Records between two looks at the clock.
const RECORDS_PER_LOOK: u64 = 128;

/// Producing side of a run: the partitions of one producer that one server leads.
#[derive(Debug)]
pub(crate) struct Producer {
    connection: Connection,
    version: i16,
    topic: String,
    topic_id: Uuid,
    acks: Acks,
    batches: Batches,
    linger: Nanos,
    /// Requests without an answer, and the most there may be.
    sent: VecDeque<Sent>,
    in_flight: usize,
    spare: Vec<Dues>,
    /// The most to produce.
    left: u64,
    schedule: Option<Schedule>,
    /// Until then it waits for the consumers.
    pause: Option<Nanos>,
    done: bool,
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Sent {
    correlation: i32,
    dues: Dues,
}

impl Producer {
    /// Produces to `partitions` of `topic`, at most `limit` records. `id` is that of an idempotent producer.
    pub(crate) fn new(
        connection: Connection,
        load: &Load,
        (topic, partitions): (&Topic, &[i32]),
        id: Option<(i64, i16)>,
        limit: u64,
        schedule: Option<Schedule>,
    ) -> Result<Producer> {
        Ok(Producer {
            version: connection.versions.of(ApiKey::Produce)?,
            connection,
            topic: topic.name.clone(),
            topic_id: topic.id,
            acks: load.acks,
            batches: Batches::new(load, partitions, id),
            linger: Nanos::try_from(load.linger.as_nanos()).unwrap_or(Nanos::MAX / 4),
            sent: VecDeque::new(),
            in_flight: load.in_flight as usize,
            spare: Vec::new(),
            left: limit,
            schedule,
            pause: None,
            done: false,
        })
    }

    fn may_send(&self) -> bool {
        self.sent.len() < self.in_flight
    }

    /// Puts into batches what is due, or as much as the next request takes.
    fn fill(&mut self, live: &Live, tally: &mut Tally) -> Result<()> {
        // Without a schedule records are made when they can be sent, or they would be late before they are sent.
        if self.schedule.is_none() && !self.may_send() {
            return Ok(());
        }
        let room = live.room().min(self.left);
        let mut now = live.clock.now();
        self.pause = (room == 0 && self.left > 0).then_some(now + PAUSE);
        let (over, mut count, mut measured) = (now >= live.measure_to(), 0, 0);
        while !over && count < room && self.batches.has_room() && !self.batches.is_enough() {
            let due = match &mut self.schedule {
                Some(schedule) => {
                    let due = schedule.due(live.start);
                    if due > now {
                        break;
                    }
                    schedule.advance();
                    tally.lag(now - due, live.is_measured(due));
                    due
                }
                None => now,
            };
            self.batches.push(due, live.clock.wall_ms(due))?;
            count += 1;
            measured += u64::from(live.is_measured(now));
            if count % RECORDS_PER_LOOK == 0 {
                now = live.clock.now();
            }
        }
        self.left = self.left.saturating_sub(count);
        tally.published += measured;
        live.published.fetch_add(count, Relaxed);
        Ok(())
    }

    /// Sends a request if there is something for it. Says whether there was.
    fn send(&mut self, live: &Live) -> Result<bool> {
        let now = live.clock.now();
        let ending = self.left == 0 || now >= live.measure_to();
        let ready = self.batches.ready_at(self.linger).is_some_and(|at| at <= now || ending);
        if !ready || !self.may_send() {
            return Ok(false);
        }
        let mut dues = self.spare.pop().unwrap_or_default();
        let batches = self.batches.take(&mut dues)?;
        let partitions = batches
            .iter()
            .map(|batch| ProducePartition { index: batch.partition, records: Some(&batch.bytes) })
            .collect();
        let topic = ProduceTopic { name: &self.topic, topic_id: self.topic_id, partition_data: partitions };
        let request = ProduceRequest {
            transactional_id: None,
            acks: self.acks.code(),
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![topic].into(),
        };
        let correlation = self.connection.correlation;
        self.connection.correlation = correlation.wrapping_add(1);
        encode(&request.into(), self.version, correlation, &mut self.connection.socket.outbox.bytes);
        self.batches.recycle(batches);
        if self.acks == Acks::None {
            dues.clear();
            self.spare.push(dues);
        } else {
            self.sent.push_back(Sent { correlation, dues });
        }
        Ok(true)
    }

    /// Reads acknowledgements.
    fn hear(&mut self, readable: &mut bool, live: &Live, tally: &mut Tally) -> Result<()> {
        *readable = self.connection.socket.fill()? == Io::Again;
        let now = live.clock.now();
        let counted = live.is_measured(now);
        while let Some((frame, bytes)) = next_frame(&mut self.connection.socket.inbox)? {
            let (correlation, response) = decode::<ProduceResponse<'_>>(frame, self.version)?;
            let sent = self.sent.pop_front().context("the server answers what it was not asked")?;
            ensure!(sent.correlation == correlation, "the server answers requests out of order");
            for topic in &response.responses {
                for partition in &topic.partition_responses {
                    let what = || format!("produce to {}-{}", self.topic, partition.index);
                    check(partition.error_code, partition.error_message.as_deref(), what)?;
                }
            }
            let mut dues = sent.dues;
            for (due, count) in dues.drain(..) {
                tally.confirmed += if counted { count.into() } else { 0 };
                tally.confirm_latencies(now.saturating_sub(due), count.into(), live.is_measured(due));
            }
            self.spare.push(dues);
            self.connection.socket.inbox.consume(bytes);
        }
        Ok(())
    }

    /// Counts itself done once nothing more will be produced or heard.
    fn finish(&mut self, live: &Live) {
        let over = self.left == 0 || live.clock.now() >= live.measure_to();
        let heard = self.sent.is_empty() && self.batches.is_empty();
        if !self.done && over && heard && self.connection.socket.outbox.unsent() == 0 {
            self.done = true;
            live.producers_done.fetch_add(1, Relaxed);
        }
    }
}

impl Member for Producer {
    fn stream(&self) -> &TcpStream {
        &self.connection.socket.stream
    }

    fn turn(&mut self, readable: &mut bool, live: &Live, tally: &mut Tally) -> Result<Io> {
        if *readable {
            self.hear(readable, live, tally)?;
        }
        // Answers are read also while the server takes no more requests, or both would wait for each other.
        let resting = if *readable { Io::Again } else { Io::Blocked };
        for _ in 0..REQUESTS_PER_TURN {
            if self.connection.socket.flush()? == Io::Blocked {
                return Ok(resting);
            }
            self.fill(live, tally)?;
            if !self.send(live)? {
                self.finish(live);
                return Ok(resting);
            }
        }
        Ok(Io::Again)
    }

    fn wake_at(&self, live: &Live) -> Option<Nanos> {
        if self.done || self.connection.socket.outbox.unsent() > 0 {
            return None;
        }
        let fills = self.left > 0 && self.batches.has_room() && !self.batches.is_enough();
        let due = match (self.pause, &self.schedule) {
            (Some(until), _) => Some(until),
            (None, Some(schedule)) => Some(schedule.due(live.start)),
            (None, None) => None,
        };
        let ready = self.batches.ready_at(self.linger).filter(|_| self.may_send());
        [due.filter(|_| fills), ready].into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn close(self) -> Result<()> {
        self.connection.drain()
    }
}
