//! What requests cost their client, and the silence that follows (KIP-219): the answer leaves at once and says for how long, and
//! until then nothing more is read of this connection.

use std::cell::Cell;
use std::time::Duration;

use anymq_broker::Session as Hall;
use anymq_catalog::QuotaKind;

use super::{Cx, Head, Instant, Reply, Session, after};
use crate::wire::ApiKey;

/// Longest time that a connection is not read for, in milliseconds. A client may be told to stay silent for longer.
const SILENCE_MAX_MS: u64 = 30_000;
/// What is kept of a client's name, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 255;

/// A request while it is worked on.
pub(super) struct Cost {
    /// When work began; `None`: nobody has a quota.
    began: Option<Duration>,
    /// For how long its client is to be silent, in milliseconds.
    pub(super) silence: Cell<u64>,
}

impl Cost {
    pub(super) fn begin(hall: &Hall) -> Self {
        let began = hall.has_quotas().then(|| hall.elapsed());
        Cost { began, silence: Cell::new(0) }
    }

    /// The request has come to `reply`: for how long its connection is silent now, in milliseconds. The reply says so.
    pub(super) fn end(
        self,
        hall: &Hall,
        client_id: &str,
        head: Head,
        bytes: usize,
        reply: &mut Reply,
    ) -> u64 {
        let Some(began) = self.began else { return 0 };
        let took = hall.elapsed().saturating_sub(began);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let mut silence = self.silence.get();
        let mut charge = |kind, amount| silence = silence.max(hall.charge(client_id, kind, amount));
        charge(QuotaKind::RequestPercentage, nanos);
        if head.api == ApiKey::Produce {
            charge(QuotaKind::ProducerByteRate, bytes as u64);
        }
        let response = match reply {
            Reply::Now(response) | Reply::Committed(_, response) => response,
            Reply::Nothing => return silence.min(SILENCE_MAX_MS),
            // It is charged when it is answered.
            Reply::Park(..) | Reply::Close => return 0,
        };
        if matches!(head.api, ApiKey::Fetch | ApiKey::ShareFetch) {
            charge(QuotaKind::ConsumerByteRate, response.len() as u64);
        }
        if silence > 0 {
            response.set_throttle(head.api, head.version, i32::try_from(silence).unwrap_or(i32::MAX));
        }
        silence.min(SILENCE_MAX_MS)
    }
}

impl Cx<'_> {
    /// Partitions are to be made or deleted. False if the client has to wait first, and its version is one that can be told so.
    pub(crate) fn may_change_partitions(&self, count: usize, can_be_told_from: i16) -> bool {
        let charge = |amount| self.hall.charge(self.client_id, QuotaKind::ControllerMutationRate, amount);
        let can_be_told = self.version() >= can_be_told_from;
        if can_be_told {
            let silence = charge(0);
            if silence > 0 {
                self.silence.set(self.silence.get().max(silence));
                return false;
            }
        }
        let silence = charge(count as u64);
        if !can_be_told {
            self.silence.set(self.silence.get().max(silence));
        }
        true
    }
}

impl Session {
    /// Keeps what the client calls itself, for requests that wait.
    pub(super) fn name_client(&mut self, client_id: &str) {
        let client_id = &client_id[..client_id.floor_char_boundary(CLIENT_ID_BYTES_MAX)];
        if self.client_id != client_id {
            client_id.clone_into(&mut self.client_id);
        }
    }

    /// Takes no requests for so long: the client has been told, and this is for those who do not listen.
    pub(super) fn mute(&mut self, silence_ms: u64) {
        if silence_ms > 0 {
            let until = after(Duration::from_millis(silence_ms));
            self.muted_until = self.muted_until.max(Some(until));
        }
    }

    /// It is `now`: the client may speak again, if its time is over.
    pub(super) fn unmute(&mut self, now: Instant) {
        if self.muted_until.is_some_and(|until| until <= now) {
            self.muted_until = None;
            // What came meanwhile is looked at.
            self.stalled = true;
        }
    }
}
