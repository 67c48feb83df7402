//! An open connection as a state machine: requests and events in, responses out. No I/O, no clock of its own.
//!
//! Requests are handled as they come, and each gets a *slot*. Responses leave in the order of the slots: one whose answer
//! waits for the disk, or for something to happen, holds back those behind it, which is what clients rely on.

mod cx;
mod quotas;
mod renewal;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anymq_broker::{Event, Session as Hall};
use anymq_types::Position;
use tokio::time::Instant;

pub(crate) use self::cx::{Cx, Head, Node, Parked, Reply, Wake};
use self::quotas::Cost;
use self::renewal::Renewal;
use crate::config::Config;
use crate::handlers::{self, api_versions};
use crate::output::Output;
use crate::peer::Peer;
use crate::sasl::Mechanism;
use crate::topics::Seen;
use crate::wire::{Request, RequestHeader, Segments, WireError, split_frame};

/// Most requests of a connection that are not answered yet; then its socket is not read.
pub(crate) const REQUESTS_MAX: usize = 64;

/// Most bytes of requests that wait for something to happen; then the socket is not read.
const PARKED_BYTES_MAX: usize = 1 << 20;

/// The place of a request's response.
enum Slot {
    /// It can leave.
    Ready(Segments),
    /// It is a login that is renewed, and being verified.
    Renewal(Head),
    /// It can leave when this is on disk.
    Committed(Position, Segments),
    /// It is not known yet.
    Parked(Box<Waiting>),
    /// Instead of a response the connection is closed.
    Close,
}

/// A request that waits for something to happen.
struct Waiting {
    head: Head,
    /// Bytes of its frame.
    bytes: usize,
    /// When it is asked to answer whatever there is.
    until: Option<Instant>,
    parked: Box<dyn Parked>,
}

/// What the connection must do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Continue,
    /// Write what is there and close the socket.
    Close,
}

/// An open connection.
pub(crate) struct Session {
    hall: Hall,
    config: Arc<Config>,
    peer: Peer,
    seen: RefCell<Seen>,
    slots: VecDeque<Slot>,
    tokens: u64,
    login: Renewal,
    /// What the client called itself last.
    client_id: String,
    /// No request is taken before: the client has asked for more than its quota.
    muted_until: Option<Instant>,
    /// Bytes of the requests that are parked.
    parked_bytes: usize,
    /// One of them wants nothing to be read behind it.
    is_alone: bool,
    /// Reading has stopped with requests in the buffer.
    stalled: bool,
    /// No request is taken any more.
    ended: bool,
}

impl Session {
    pub(crate) fn new(hall: Hall, config: Arc<Config>, peer: Peer) -> Self {
        Session {
            hall,
            config,
            peer,
            seen: RefCell::default(),
            slots: VecDeque::new(),
            tokens: 0,
            login: Renewal::default(),
            client_id: String::new(),
            muted_until: None,
            parked_bytes: 0,
            is_alone: false,
            stalled: false,
            ended: false,
        }
    }

    /// The client has logged in: how, and how long that is good.
    pub(crate) fn logged_in(&mut self, mechanism: Mechanism, lifetime: Option<Duration>) {
        self.login.logged_in(mechanism, lifetime.map(after));
    }

    /// The hall's side of the connection.
    pub(crate) fn hall(&self) -> &Hall {
        &self.hall
    }

    /// Whether requests are taken now.
    pub(crate) fn takes_input(&self) -> bool {
        !self.ended
            && !self.is_alone
            && !self.login.is_verifying()
            && self.muted_until.is_none()
            && self.slots.len() < REQUESTS_MAX
            && self.parked_bytes < PARKED_BYTES_MAX
            && !self.hall.congested()
    }

    /// Whether a request is waiting behind which none is taken.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone && !self.ended
    }

    /// Whether requests wait in the buffer that could not be taken when it was filled. Forgets it.
    pub(crate) fn resumes(&mut self) -> bool {
        std::mem::take(&mut self.stalled)
    }

    /// Whether a client's silence means nothing: it waits for an answer, or was told to be silent.
    pub(crate) fn owes_answers(&self) -> bool {
        !self.slots.is_empty() || self.muted_until.is_some()
    }

    /// Takes requests from `buf` at `at` on, as long as they are taken and `out` has room.
    ///
    /// # Errors
    /// Bytes that are not a request, or ask what is not offered: the connection is closed.
    pub(crate) fn input(&mut self, buf: &[u8], at: &mut usize, out: &mut Output) -> Result<Next, WireError> {
        let max = self.config.request_bytes_max.as_usize();
        while let Some((frame, len)) = split_frame(&buf[*at..], max)? {
            if !self.takes_input() || out.is_full() {
                self.stalled = true;
                return Ok(Next::Continue);
            }
            *at += len;
            self.request(frame)?;
            if self.flush(out) == Next::Close {
                return Ok(Next::Close);
            }
        }
        Ok(Next::Continue)
    }

    fn request(&mut self, frame: &[u8]) -> Result<(), WireError> {
        let (header, body) = RequestHeader::parse(frame)?;
        if header.is_from_the_future() {
            self.slots.push_back(Slot::Ready(api_versions::refuse_version(header.correlation_id)));
            return Ok(());
        }
        let request = Request::decode(header.api, header.version, body)?;
        self.tokens += 1;
        let head = Head { token: self.tokens, ..Head::of(&header) };
        if let Some(slots) = self.renew(head, &request) {
            self.slots.extend(slots);
            return Ok(());
        }
        let client_id = header.client_id.unwrap_or_default();
        self.name_client(client_id);
        let cost = Cost::begin(&self.hall);
        let mut reply = {
            let mut cx = Cx {
                hall: &self.hall,
                config: &self.config,
                peer: &self.peer,
                seen: &self.seen,
                head,
                client_id,
                silence: &cost.silence,
            };
            handlers::dispatch(&mut cx, request)
        };
        let silence = cost.end(&self.hall, client_id, head, frame.len(), &mut reply);
        self.mute(silence);
        self.slots.extend(slot(reply, head, frame.len()));
        self.count_parked();
        Ok(())
    }

    /// Takes what the hall says.
    pub(crate) fn events(&mut self, events: &mut Vec<Event>, out: &mut Output) -> Next {
        for event in events.drain(..) {
            match token_of(&event) {
                Some(token) => self.wake(|waiting| waiting.head.token == token, || Wake::Event(&event)),
                None => {
                    if let Event::Close { reason } = event {
                        tracing::info!(reason, "connection closed by the server");
                        return Next::Close;
                    }
                }
            }
        }
        self.wake(|_| true, || Wake::Signal);
        self.flush(out)
    }

    /// When the next of the waiting requests wants to be asked.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.parked().filter_map(|waiting| waiting.until).chain(self.muted_until).min()
    }

    /// It is `now`: requests that have waited until then are asked.
    pub(crate) fn elapsed(&mut self, now: Instant, out: &mut Output) -> Next {
        self.unmute(now);
        self.wake(|waiting| waiting.until.is_some_and(|until| until <= now), || Wake::Deadline);
        self.flush(out)
    }

    /// Takes no more requests, and gives up those that wait for something to happen, with all behind them.
    pub(crate) fn stop(&mut self) {
        self.ended = true;
        let parked = self.slots.iter().position(|slot| matches!(slot, Slot::Parked(_)));
        self.slots.truncate(parked.unwrap_or(usize::MAX));
        self.slots.push_back(Slot::Close);
        self.count_parked();
    }

    fn parked(&self) -> impl Iterator<Item = &Waiting> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Parked(waiting) => Some(&**waiting),
            Slot::Ready(_) | Slot::Committed(..) | Slot::Renewal(_) | Slot::Close => None,
        })
    }

    fn count_parked(&mut self) {
        let (mut bytes, mut is_alone) = (0, false);
        for waiting in self.parked() {
            bytes += waiting.bytes;
            is_alone |= waiting.parked.is_alone();
        }
        (self.parked_bytes, self.is_alone) = (bytes, is_alone);
    }

    /// Asks the waiting requests that `which` names.
    fn wake<'e>(&mut self, which: impl Fn(&Waiting) -> bool, why: impl Fn() -> Wake<'e>) {
        let Session { hall, config, peer, seen, slots, client_id, .. } = self;
        let (mut changed, mut silence) = (false, 0);
        for place in slots.iter_mut() {
            let Slot::Parked(waiting) = place else { continue };
            if !which(waiting) {
                continue;
            }
            let why = why();
            if matches!(why, Wake::Deadline) {
                waiting.until = None;
            }
            let head = waiting.head;
            let cost = Cost::begin(hall);
            let mut cx = Cx { hall, config, peer, seen, head, client_id, silence: &cost.silence };
            let Some(mut reply) = waiting.parked.poll(&mut cx, why) else { continue };
            silence = cost.end(hall, client_id, head, waiting.bytes, &mut reply).max(silence);
            // Nobody that waits has asked for silence.
            *place = slot(reply, head, waiting.bytes).unwrap_or(Slot::Ready(Segments::default()));
            changed = true;
        }
        if changed {
            self.count_parked();
            self.mute(silence);
        }
    }

    /// Lets out what no longer has to wait.
    pub(crate) fn flush(&mut self, out: &mut Output) -> Next {
        let committed = self.hall.committed();
        loop {
            match self.slots.front() {
                Some(Slot::Ready(_)) => {}
                Some(Slot::Committed(position, _)) if *position <= committed => {}
                Some(Slot::Close) => {
                    self.ended = true;
                    return Next::Close;
                }
                Some(Slot::Committed(..) | Slot::Parked(_) | Slot::Renewal(_)) | None => {
                    return Next::Continue;
                }
            }
            if let Some(Slot::Ready(response) | Slot::Committed(_, response)) = self.slots.pop_front() {
                out.push(response);
            }
        }
    }
}

/// The slot of a reply; none if nothing is to be sent.
fn slot(reply: Reply, head: Head, bytes: usize) -> Option<Slot> {
    Some(match reply {
        Reply::Now(response) => Slot::Ready(response),
        Reply::Committed(position, response) => Slot::Committed(position, response),
        Reply::Park(parked, wait) => {
            Slot::Parked(Box::new(Waiting { head, bytes, until: wait.map(after), parked }))
        }
        Reply::Nothing => return None,
        Reply::Close => Slot::Close,
    })
}

/// The moment that is `wait` from now.
fn after(wait: Duration) -> Instant {
    tokio::time::sleep(wait).deadline()
}

/// Which request an event is for.
fn token_of(event: &Event) -> Option<u64> {
    match event {
        Event::Loaded(loaded) => Some(loaded.token),
        Event::Group { token, .. } => Some(*token),
        Event::Delivery(_)
        | Event::Fetched { .. }
        | Event::Cancelled { .. }
        | Event::TimedOut { .. }
        | Event::Close { .. } => None,
    }
}
