//! How far the broker is: written by whoever starts it, read by health and by every request.

use std::sync::{Arc, PoisonError, RwLock};

use anymq_api::{Health, ListenerAddress, Problem, codes};
use anymq_net::TlsContext;

use crate::hall::Hall;

/// Shared by everybody who asks. Clones share one state.
#[derive(Clone, Default)]
pub struct Board {
    shared: Arc<RwLock<State>>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    percent: Option<u8>,
    hall: Option<Arc<dyn Hall>>,
    listeners: Vec<ListenerAddress>,
    tls: Vec<(&'static str, TlsContext)>,
    was_ready: bool,
}

/// What the process is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Reading the journal.
    #[default]
    Starting,
    /// Serving clients.
    Ready,
    /// Taking leave of clients.
    Draining,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Draining => "draining",
        }
    }
}

impl Board {
    /// A board of a broker that is starting.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how much of the journal is read.
    pub fn progress(&self, percent: u8) {
        self.write(|state| state.percent = Some(percent.min(100)));
    }

    /// Says which sockets are open.
    pub fn listeners(&self, listeners: Vec<ListenerAddress>) {
        self.write(|state| state.listeners = listeners);
    }

    /// Says which doors have certificates.
    pub fn certificates(&self, tls: Vec<(&'static str, TlsContext)>) {
        self.write(|state| state.tls = tls);
    }

    /// When each door's certificate ends, in Unix seconds.
    pub(crate) fn certificate_ends(&self) -> Vec<(&'static str, i64)> {
        self.read(|state| {
            let ends = state.tls.iter().filter_map(|(door, tls)| Some((*door, tls.certificate()?.not_after)));
            ends.collect()
        })
    }

    /// The broker serves from now on.
    pub fn ready(&self, hall: Arc<dyn Hall>) {
        self.write(|state| {
            state.hall = Some(hall);
            state.phase = Phase::Ready;
            state.percent = None;
            state.was_ready = true;
        });
    }

    /// The broker takes leave of its clients.
    pub fn draining(&self) {
        self.write(|state| state.phase = Phase::Draining);
    }

    /// The broker, once it serves.
    pub fn hall(&self) -> Result<Arc<dyn Hall>, Problem> {
        self.read(|state| state.hall.clone())
            .ok_or_else(|| Problem::new(&codes::STARTING, "the broker is still reading its journal"))
    }

    /// Open sockets.
    pub fn open_listeners(&self) -> Vec<ListenerAddress> {
        self.read(|state| state.listeners.clone())
    }

    /// Whether it has ever served.
    pub fn was_ready(&self) -> bool {
        self.read(|state| state.was_ready)
    }

    /// Whether it serves, and what is wrong.
    pub fn health(&self) -> Health {
        let (phase, percent, hall) = self.read(|state| (state.phase, state.percent, state.hall.clone()));
        let mut health = Health {
            ready: phase == Phase::Ready,
            state: phase.name().into(),
            percent,
            problems: Vec::new(),
        };
        let Some(hall) = hall else { return health };
        health.problems = hall.alarms();
        if let Some(reason) = hall.failed() {
            health.ready = false;
            health.state = "failed".into();
            health.problems.insert(0, reason);
        }
        health
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.shared.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, write: impl FnOnce(&mut State)) {
        write(&mut self.shared.write().unwrap_or_else(PoisonError::into_inner));
    }
}
