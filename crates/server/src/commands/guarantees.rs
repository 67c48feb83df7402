//! `anymq guarantees`

use anymq_api::Problem;

use super::print;

const TEXT: &str = "\
What an answer of this broker means

  publisher confirm, persistent message to a durable queue
      the message is on disk: written and fsynced. It survives kill -9 and power loss.
  publisher confirm, transient message or transient queue
      the broker has it in memory. It does not survive a restart.
  publish without confirms
      nothing is promised; in practice it is on disk with the next group commit.
  basic.ack
      the message is never delivered again, once the next group commit is on disk;
      after a crash within that moment it may come once more, marked redelivered.
  tx.commit-ok
      all publishes and acknowledgements of the transaction are on disk, together.
  declare-ok, bind-ok, delete-ok
      the change is on disk, if what it is about is durable.

Delivery

  at least once with acknowledgements; at most once with automatic acknowledgement.
  order: a queue gives messages in the order in which they came, one publisher's messages in
      the order of its channel. A message that comes back goes to its original place (classic)
      or to the end (quorum), as RabbitMQ does it.
  delivery does not wait for the disk, confirms do: a message seen before a crash may be seen
      again after it, never the other way round.

When something fails

  disk full     publishers are held back, nothing is acknowledged, consumers go on; it resumes by itself.
  memory low    publishers are held back, consumers go on.
  fsync fails   the process stops; the next start decides from what is on disk.
  damaged data  the broker refuses to start and names the place; anymq check, anymq repair.
";

/// Options of `guarantees`.
#[derive(Debug, clap::Args)]
pub struct Guarantees {}

impl Guarantees {
    pub(crate) fn run(self) -> Result<(), Problem> {
        print(TEXT)
    }
}
