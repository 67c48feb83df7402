//! A connection that publishes, as fast as it can or by a schedule, and times its confirms.

use std::net::TcpStream;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Result, anyhow, bail};
use anymq_amqp::wire::methods::basic;
use anymq_amqp::wire::{Encode, Frame, MethodRef, Payload, encode_content};
use anymq_types::props::Properties;

use super::connection::{Connection, aside};
use super::control::CHANNEL;
use super::load::Load;
use crate::clock::{Nanos, SECOND};
use crate::live::Live;
use crate::result::Tally;
use crate::schedule::Schedule;
use crate::socket::Io;
use crate::worker::Member;

/// Frames are handed to the socket in pieces of about this size.
const BATCH_BYTES: usize = 64 << 10;
/// How long a producer waits before it looks again whether the consumers have caught up.
const PAUSE: Nanos = SECOND / 20_000;
/// Batches of one connection before others get their turn.
const BATCHES_PER_TURN: usize = 4;

/// Publishing side of a run.
#[derive(Debug)]
pub(crate) struct Producer {
    connection: Connection,
    templates: Vec<Template>,
    next: usize,
    /// The most to publish.
    left: u64,
    schedule: Option<Schedule>,
    window: Option<Window>,
    /// Until then it waits for the consumers.
    pause: Option<Nanos>,
    done: bool,
}

/// The frames of a message, ready but for the time in its body.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    /// Where the body begins.
    body: usize,
}

/// Messages published and not confirmed, by delivery tag.
#[derive(Debug)]
struct Window {
    /// When each was due; 0: confirmed. Indexed by tag, a power of two long.
    due: Vec<Nanos>,
    /// Lowest tag that may be unconfirmed.
    low: u64,
    /// Next tag.
    next: u64,
    outstanding: u64,
    max: u64,
}

impl Window {
    fn new(max: u32) -> Window {
        // Twice the window, so that confirms out of order do not stop publishing at once.
        let slots = (u64::from(max) * 2).next_power_of_two() as usize;
        Window { due: vec![0; slots], low: 1, next: 1, outstanding: 0, max: max.into() }
    }

    fn has_room(&self) -> bool {
        self.outstanding < self.max && self.next - self.low < self.due.len() as u64
    }

    fn push(&mut self, due: Nanos) {
        let slot = self.slot(self.next);
        self.due[slot] = due;
        self.next += 1;
        self.outstanding += 1;
    }

    /// Takes the server's word about `tag` (and all before it): the due time of each goes to `heard`.
    fn settle(&mut self, tag: u64, multiple: bool, mut heard: impl FnMut(Nanos)) -> Result<()> {
        if tag >= self.next || tag == 0 && !multiple {
            bail!("the server confirmed {tag}, which was not published");
        }
        let (first, last) =
            if multiple { (self.low, if tag == 0 { self.next - 1 } else { tag }) } else { (tag, tag) };
        for tag in first..=last {
            let slot = self.slot(tag);
            if tag >= self.low && self.due[slot] != 0 {
                heard(self.due[slot]);
                self.due[slot] = 0;
                self.outstanding -= 1;
            }
        }
        while self.low < self.next && self.due[self.slot(self.low)] == 0 {
            self.low += 1;
        }
        Ok(())
    }

    fn slot(&self, tag: u64) -> usize {
        tag as usize & (self.due.len() - 1)
    }
}

impl Producer {
    /// Producer `index` of the load. `routes` are pairs of exchange and routing key, taken in turn; `limit` is the most
    /// to publish.
    pub(crate) fn new(
        connection: Connection,
        load: &Load,
        routes: &[(&str, &str)],
        limit: u64,
        index: u32,
    ) -> Result<Producer> {
        let frame_max = connection.frame_max;
        let templates =
            routes.iter().map(|route| Template::new(load, *route, frame_max)).collect::<Result<_>>()?;
        let window = (load.confirm > 0).then(|| Window::new(load.confirm));
        Ok(Producer {
            connection,
            templates,
            next: 0,
            left: limit,
            schedule: Schedule::share(load.rate, index, load.producers),
            window,
            pause: None,
            done: false,
        })
    }

    /// Encodes what is due and has room, up to a batch. Returns how many.
    fn batch(&mut self, live: &Live, tally: &mut Tally) -> u64 {
        let now = live.clock.now();
        let over = now >= live.measure_to();
        let mut count = 0;
        let room = live.room();
        self.pause = (room == 0).then_some(now + PAUSE);
        while !over
            && count < room
            && self.left > count
            && self.connection.socket.outbox.unsent() < BATCH_BYTES
        {
            if self.window.as_ref().is_some_and(|window| !window.has_room()) {
                break;
            }
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
            self.templates[self.next].write(due, &mut self.connection.socket.outbox.bytes);
            self.next = (self.next + 1) % self.templates.len();
            if let Some(window) = &mut self.window {
                window.push(due);
            }
            count += 1;
        }
        self.left -= count;
        tally.published += if live.is_measured(now) { count } else { 0 };
        live.published.fetch_add(count, Relaxed);
        count
    }

    /// Reads confirms.
    fn hear(&mut self, readable: &mut bool, live: &Live, tally: &mut Tally) -> Result<()> {
        *readable = self.connection.socket.fill()? == Io::Again;
        let now = live.clock.now();
        let window = &mut self.window;
        self.connection.frames(|frame, _| on_frame(&frame, window.as_mut(), now, live, tally))
    }

    /// Counts itself done once nothing more will be published or heard.
    fn finish(&mut self, live: &Live) {
        let over = self.left == 0 || live.clock.now() >= live.measure_to();
        let heard = self.window.as_ref().is_none_or(|window| window.outstanding == 0);
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
        // Confirms are read also while the server takes no more messages, or both would wait for each other.
        let resting = if *readable { Io::Again } else { Io::Blocked };
        for _ in 0..BATCHES_PER_TURN {
            if self.connection.socket.flush()? == Io::Blocked {
                return Ok(resting);
            }
            if self.batch(live, tally) == 0 {
                self.finish(live);
                return Ok(resting);
            }
        }
        Ok(Io::Again)
    }

    fn wake_at(&self, live: &Live) -> Option<Nanos> {
        let due = match (self.pause, &self.schedule) {
            (Some(until), _) => until,
            (None, schedule) => schedule.as_ref()?.due(live.start),
        };
        let may_send = !self.done && self.left > 0 && self.connection.socket.outbox.unsent() == 0;
        (may_send && self.window.as_ref().is_none_or(Window::has_room)).then_some(due)
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn close(self) -> Result<()> {
        self.connection.close()
    }
}

#[inline]
fn on_frame(
    frame: &Frame<'_>,
    window: Option<&mut Window>,
    now: Nanos,
    live: &Live,
    tally: &mut Tally,
) -> Result<()> {
    let Payload::Method(method) = &frame.payload else { return Ok(()) };
    let (tag, multiple, ack) = match method.key() {
        basic::Ack::KEY => {
            let ack = basic::Ack::decode(method.args).map_err(|error| bad(method, &error))?;
            (ack.delivery_tag, ack.multiple, true)
        }
        basic::Nack::KEY => {
            let nack = basic::Nack::decode(method.args).map_err(|error| bad(method, &error))?;
            (nack.delivery_tag, nack.multiple, false)
        }
        _ => return aside(method),
    };
    let Some(window) = window else { bail!("the server confirms though it was not asked to") };
    let counted = live.is_measured(now);
    window.settle(tag, multiple, |due| {
        if ack {
            tally.confirmed += u64::from(counted);
            tally.confirm_latency(now.saturating_sub(due), live.is_measured(due));
        } else {
            tally.refused += u64::from(counted);
        }
    })
}

fn bad(method: &MethodRef<'_>, error: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow!("the server sent a bad method {}.{}: {error}", method.class_id, method.method_id)
}

impl Template {
    fn new(load: &Load, (exchange, routing_key): (&str, &str), frame_max: u32) -> Result<Template> {
        let mut bytes = Vec::new();
        basic::Publish { exchange, routing_key, ..Default::default() }.encode(CHANNEL, &mut bytes);
        let mut props = Vec::new();
        let delivery_mode = Some(if load.persistent { 2 } else { 1 });
        Properties { delivery_mode, ..Default::default() }.encode(&mut props)?;
        // method frame | header: 7 + 12 + properties + 1 | body frame: 7, then the body
        let body = bytes.len() + 20 + props.len() + 7;
        encode_content(CHANNEL, &props, &vec![b'x'; load.size as usize], frame_max, &mut bytes);
        Ok(Template { bytes, body })
    }

    #[inline]
    fn write(&self, due: Nanos, out: &mut Vec<u8>) {
        let at = out.len() + self.body;
        out.extend_from_slice(&self.bytes);
        out[at..at + 8].copy_from_slice(&due.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
