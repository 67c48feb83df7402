//! What becomes of a connection's things.

use anymq_types::ConnectionId;

use super::Core;
use super::fx::Fx;

impl Core {
    /// A connection is gone: its leases return in order, its consumers and exclusive queues go.
    pub(crate) fn close_session(&mut self, fx: &mut Fx<'_>, id: ConnectionId) {
        let Some(state) = self.sessions.get(&id) else { return };
        let (holders, queues, channels) =
            (state.holders.clone(), state.exclusive_queues.clone(), state.channels);
        for holder in holders {
            self.close_holder(fx, holder);
        }
        for queue in queues {
            self.remove_queue(fx, queue);
        }
        if let Some(state) = self.sessions.remove(&id) {
            state.reply_addresses.iter().for_each(|suffix| {
                self.replies.remove(suffix);
            });
            self.unwatch(&state.outbox, &state.watches);
            self.end_shares(fx, state.vhost, id, &state.shares);
        }
        self.stats.connections_closed += 1;
        self.stats.channels_closed += channels as u64;
    }

    /// A connection's outbox has room again.
    pub(crate) fn refill(&mut self, fx: &mut Fx<'_>, id: ConnectionId) {
        let Some(state) = self.sessions.get(&id) else { return };
        for holder in state.holders.clone() {
            let consumers = self.holders.get(holder.0).map(|h| h.consumers.clone()).unwrap_or_default();
            consumers.into_iter().for_each(|consumer| self.revive(fx, consumer));
        }
    }
}
