//! The event loop: one thread, one epoll instance, any number of producers or consumers.
//!
//! Edge-triggered, so that waiting for room or for data costs no system call per change of interest. Sleeping is
//! done in `ppoll` on the epoll instance, whose timeout is in nanoseconds: `epoll_wait` rounds to milliseconds, too
//! coarse for a schedule of 1000 messages a second.

use std::net::TcpStream;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::OwnedFd;

use crate::clock::{Nanos, SECOND};
use crate::live::Live;
use crate::result::Tally;
use crate::socket::Io;

/// Longest sleep, so that the end is noticed.
const TICK: Nanos = SECOND / 100;
const EVENTS_MAX: usize = 256;

/// One connection of a worker: a producer or a consumer of some protocol.
pub(crate) trait Member: Send {
    fn stream(&self) -> &TcpStream;

    /// Does what can be done now. `Again`: call again soon, there is more to do.
    fn turn(&mut self, readable: &mut bool, live: &Live, tally: &mut Tally) -> Result<Io>;

    /// When it next has to be called though nothing happens on its socket.
    fn wake_at(&self, _live: &Live) -> Option<Nanos> {
        None
    }

    /// Whether nothing is left to do for it when the measured time is over.
    fn is_done(&self) -> bool {
        true
    }

    /// Ends the connection in order.
    fn close(self) -> Result<()>;
}

struct Seat<M> {
    member: M,
    readable: bool,
    /// Is in the list of those to be called.
    queued: bool,
}

/// What must have happened before the work is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// Producers that have published and heard all.
    pub(crate) producers: u64,
    /// Copies of each message that arrive; 0 if nobody consumes.
    pub(crate) copies: u64,
}

/// Runs the members until all is done or the time is up.
///
/// # Errors
/// The first failure of a connection; the other workers are told to stop.
pub(crate) fn run<M: Member>(members: Vec<M>, goal: Goal, live: &Live) -> Result<Tally> {
    // Timers of this thread fire when they are due, not up to 50 µs later.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).context("set the timer slack")?;
    let outcome = Worker::new(members, goal, live).and_then(Worker::run);
    if outcome.is_err() {
        live.failed.store(true, Relaxed);
    }
    outcome
}

struct Worker<'a, M> {
    seats: Vec<Seat<M>>,
    /// Seats to call, in turn.
    queue: Vec<usize>,
    epoll: OwnedFd,
    goal: Goal,
    live: &'a Live,
    tally: Tally,
}

impl<'a, M: Member> Worker<'a, M> {
    fn new(members: Vec<M>, goal: Goal, live: &'a Live) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("create an epoll instance")?;
        let interest = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        let mut seats = Vec::with_capacity(members.len());
        for (index, member) in members.into_iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, member.stream(), data, interest).context("watch a socket")?;
            // What was read during the set-up is looked at without waiting for more.
            seats.push(Seat { member, readable: true, queued: true });
        }
        let queue = (0..seats.len()).collect();
        Ok(Worker { seats, queue, epoll, goal, live, tally: Tally::new()? })
    }

    fn run(mut self) -> Result<Tally> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            let now = self.live.clock.now();
            if self.live.is_over(now) {
                return Ok(self.tally);
            }
            if self.is_done(now) {
                return self.close();
            }
            self.sleep(self.wait(now))?;
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&Timespec::default())) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("look at the sockets"),
            }
            for event in &events {
                self.enqueue(event);
            }
            if now >= self.live.start {
                self.enqueue_due();
                self.call()?;
            }
        }
    }

    /// Sleeps until a socket has something, at most `span`.
    fn sleep(&self, span: Nanos) -> Result<()> {
        if span == 0 {
            return Ok(());
        }
        let timeout = Timespec { tv_sec: (span / SECOND) as i64, tv_nsec: (span % SECOND) as i64 };
        match poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("wait for sockets"),
        }
    }

    /// Ends the connections in order: what a server has not read yet is lost with a socket that just goes away.
    fn close(self) -> Result<Tally> {
        for seat in self.seats {
            seat.member.close()?;
        }
        Ok(self.tally)
    }

    /// How long there is nothing to do but for sockets.
    fn wait(&self, now: Nanos) -> Nanos {
        if now < self.live.start {
            return (self.live.start - now).min(TICK);
        }
        if !self.queue.is_empty() {
            return 0;
        }
        let due = self.seats.iter().filter_map(|seat| seat.member.wake_at(self.live));
        due.min().map_or(TICK, |due| due.saturating_sub(now).min(TICK))
    }

    fn enqueue(&mut self, event: &epoll::Event) {
        let index = event.data.u64() as usize;
        let seat = &mut self.seats[index];
        let readable = epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        let flags = event.flags;
        seat.readable |= flags.intersects(readable);
        if !seat.queued {
            seat.queued = true;
            self.queue.push(index);
        }
    }

    /// Puts members in the list whose time has come, or whose end.
    fn enqueue_due(&mut self) {
        let now = self.live.clock.now();
        let over = now >= self.live.measure_to();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            let member = &seat.member;
            let due = member.wake_at(self.live).is_some_and(|due| due <= now) || over && !member.is_done();
            if due && !seat.queued {
                seat.queued = true;
                self.queue.push(index);
            }
        }
    }

    fn call(&mut self) -> Result<()> {
        for index in std::mem::take(&mut self.queue) {
            let seat = &mut self.seats[index];
            let io = seat.member.turn(&mut seat.readable, self.live, &mut self.tally)?;
            seat.queued = io == Io::Again;
            if seat.queued {
                self.queue.push(index);
            }
        }
        Ok(())
    }

    fn is_done(&self, now: Nanos) -> bool {
        let live = self.live;
        // Producers stay until all has arrived, so that nothing is in flight when they go.
        let published = live.producers_done.load(Relaxed) == self.goal.producers;
        let arrived = live.delivered.load(Relaxed) >= live.published.load(Relaxed) * self.goal.copies;
        let consumed = self.goal.producers == 0 && now >= live.measure_to();
        consumed || self.goal.producers > 0 && published && arrived
    }
}
