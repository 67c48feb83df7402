//! Messages on their way in, alone or with what they settle.

use super::Session;
use crate::api::{HolderId, Outcome, PublishBatch, Published, Settled};
use crate::error::Error;

impl Session {
    /// Publishes the messages of a batch in order, up to the first that cannot be taken; the batch is empty afterwards.
    pub fn publish(&self, batch: &mut PublishBatch) -> Published {
        let refused = self.judge(batch);
        let published = self.with(|core, fx| core.publish(fx, self.id, batch)).0;
        self.timed(with_error(published, refused))
    }

    /// Publishes a batch as [`Session::publish`] does and then ends leases, in one journal group: a confirm proves that what was
    /// settled before it on its channel is on disk too. After a message that cannot be taken nothing is settled.
    pub fn publish_and_settle(
        &self,
        batch: &mut PublishBatch,
        holder: HolderId,
        outcome: Outcome,
        leases: &[Settled],
    ) -> Published {
        let mut refused = self.judge(batch);
        let (published, _) = self.with(|core, fx| {
            let published = with_error(core.publish(fx, self.id, batch), refused.take());
            if published.error.is_none() {
                core.settle(fx, holder, outcome, leases);
            }
            published
        });
        self.timed(published)
    }

    /// What still waits for its commit; how long that takes is measured.
    fn timed(&self, mut published: Published) -> Published {
        published.commit = self.pending(published.commit);
        if let Some(at) = published.commit {
            self.broker.inner.stopwatch.start(&self.broker.inner.log, at);
        }
        published
    }
}

/// The error of a batch that was cut short, unless there was one before.
fn with_error(mut published: Published, error: Option<Error>) -> Published {
    published.error = published.error.or(error);
    published
}
