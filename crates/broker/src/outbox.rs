//! The outbox: what the hall has for one connection, waiting to be written to its socket.
//!
//! Bounded by bytes of delivered records ([`OUTBOX_BYTES_MAX`]): the queue engine asks [`Outbox::room`] before it hands over a
//! run, and the door says with [`Outbox::written`] when bytes have left. No runtime is named here: the door polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use anymq_log::CommitWaker;
use anymq_types::Position;
use anymq_types::limits::OUTBOX_BYTES_MAX;
use parking_lot::Mutex;

use crate::api::Event;

#[derive(Default)]
struct Inner {
    events: Vec<Event>,
    waker: Option<Waker>,
    /// Something other than an event changed: a committed position, alarms, congestion.
    signalled: bool,
}

/// One connection's events, its room for more, and the waker of its task.
pub struct Outbox {
    inner: Mutex<Inner>,
    /// Bytes of records handed over and not yet written to the socket.
    bytes: AtomicUsize,
    committed: AtomicU64,
    /// Set by the engine when a consumer found no room: the next `written` that makes room must pump.
    starved: AtomicBool,
    /// Called, outside every lock of this outbox, when a starved outbox has room again.
    refill: Box<dyn Fn() + Send + Sync>,
}

impl Outbox {
    /// An empty outbox that calls `refill` when consumers may be served again.
    pub fn new(refill: Box<dyn Fn() + Send + Sync>) -> Arc<Self> {
        Arc::new(Outbox {
            inner: Mutex::default(),
            bytes: AtomicUsize::new(0),
            committed: AtomicU64::new(0),
            starved: AtomicBool::new(false),
            refill,
        })
    }

    /// Whether a run may be handed over. Says no once the bound is passed, and remembers that it did.
    pub(crate) fn room(&self) -> bool {
        if self.bytes.load(Ordering::Acquire) < OUTBOX_BYTES_MAX {
            return true;
        }
        self.starved.store(true, Ordering::SeqCst);
        // The door may have written everything between the two steps.
        self.bytes.load(Ordering::SeqCst) < OUTBOX_BYTES_MAX
    }

    /// Queues `event`; the caller wakes with [`Outbox::wake`] once it holds no lock.
    pub(crate) fn push(&self, event: Event) {
        if let Event::Delivery(delivery) | Event::Fetched { message: Some((delivery, _)), .. } = &event {
            self.bytes.fetch_add(delivery.records.len(), Ordering::AcqRel);
        }
        self.inner.lock().events.push(event);
    }

    /// Wakes the connection's task.
    pub(crate) fn wake(&self) {
        let waker = self.inner.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Something changed that is not an event: the task shall look.
    pub(crate) fn signal(&self) {
        let waker = {
            let mut inner = self.inner.lock();
            inner.signalled = true;
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Position up to which everything is on disk, as far as this connection was told.
    pub fn committed(&self) -> Position {
        Position(self.committed.load(Ordering::Acquire))
    }

    /// Bytes of records handed over and not yet written.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Ready when events are there (moved into `into`) or a position, an alarm or congestion changed since the last poll.
    pub fn poll(&self, cx: &mut Context<'_>, into: &mut Vec<Event>) -> Poll<()> {
        let mut inner = self.inner.lock();
        if inner.events.is_empty() && !inner.signalled {
            match &inner.waker {
                Some(waker) if waker.will_wake(cx.waker()) => {}
                _ => inner.waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        inner.signalled = false;
        into.append(&mut inner.events);
        Poll::Ready(())
    }

    /// Takes what is there without waiting.
    pub fn drain(&self, into: &mut Vec<Event>) {
        let mut inner = self.inner.lock();
        inner.signalled = false;
        into.append(&mut inner.events);
    }

    /// The door has written, or dropped, `bytes` of delivered records.
    pub fn written(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        debug_assert!(before >= bytes, "wrote {bytes} of {before} bytes in the outbox");
        if before - bytes <= OUTBOX_BYTES_MAX / 2 && self.starved.swap(false, Ordering::SeqCst) {
            (self.refill)();
        }
    }
}

impl CommitWaker for Outbox {
    fn committed(&self, up_to: Position) {
        self.committed.fetch_max(up_to.0, Ordering::AcqRel);
        self.signal();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn a_full_outbox_asks_for_a_refill_once_there_is_room() {
        let refills = Arc::new(AtomicU32::new(0));
        let count = refills.clone();
        let outbox = Outbox::new(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        assert!(outbox.room());
        outbox.bytes.store(OUTBOX_BYTES_MAX, Ordering::SeqCst);
        assert!(!outbox.room());
        outbox.written(OUTBOX_BYTES_MAX / 4);
        assert_eq!(refills.load(Ordering::SeqCst), 0, "still more than half full");
        outbox.written(OUTBOX_BYTES_MAX / 4);
        outbox.written(1);
        assert_eq!(refills.load(Ordering::SeqCst), 1, "once, not at every write");
    }

    #[test]
    fn polling_registers_and_signals_wake() {
        let outbox = Outbox::new(Box::new(|| {}));
        let mut cx = Context::from_waker(Waker::noop());
        let mut events = Vec::new();
        assert!(outbox.poll(&mut cx, &mut events).is_pending());
        outbox.push(Event::Cancelled { token: 7 });
        assert!(outbox.poll(&mut cx, &mut events).is_ready());
        assert!(matches!(events[..], [Event::Cancelled { token: 7 }]));
        CommitWaker::committed(&*outbox, Position(9));
        assert!(outbox.poll(&mut cx, &mut events).is_ready());
        assert_eq!(outbox.committed(), Position(9));
        assert!(outbox.poll(&mut cx, &mut events).is_pending());
    }
}
