//! What must be, what may be: plain lists.

use std::collections::BTreeMap;
use std::fmt;

use anymq_types::Position;

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The run's seed: reproduces it.
    pub seed: u64,
    /// The operation of the disk at which the machine was made to crash.
    pub op: Option<u64>,
    /// The step at which it showed.
    pub step: u64,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {} step {}: {}; again with: anymq sim --seed {}",
            self.seed, self.step, self.what, self.seed
        )?;
        self.op.map_or(Ok(()), |op| write!(f, " --crash-at {op}"))
    }
}

/// How sure it is that something is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sure {
    /// Once the journal has reached this.
    At(Position),
    /// It is.
    Yes,
}

impl Sure {
    pub(crate) fn holds(self, committed: Position) -> bool {
        match self {
            Sure::At(at) => at <= committed,
            Sure::Yes => true,
        }
    }
}

/// One copy of a message in one queue.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) persistent: bool,
    /// It may overtake others.
    pub(crate) urgent: bool,
    /// The publisher's confirm.
    pub(crate) stored: Sure,
    /// It was settled: acknowledged, or dead-lettered away; and how sure.
    pub(crate) settled: Option<Sure>,
    /// It was requeued: its place among the others is not checked any more.
    pub(crate) reordered: bool,
    /// It has been given to a consumer.
    pub(crate) seen: bool,
    /// A crash made it uncertain whether it is still there.
    pub(crate) maybe: bool,
}

/// A queue: copies by message number, which rises with publishing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) copies: BTreeMap<u64, Copy>,
}

impl Model {
    pub(crate) fn add(&mut self, id: u64, persistent: bool, urgent: bool, stored: Sure) {
        let (settled, reordered, seen, maybe) = (None, false, false, false);
        let copy = Copy { persistent, urgent, stored, settled, reordered, seen, maybe };
        self.copies.insert(id, copy);
    }

    /// The machine crashed with the journal committed up to `committed`: what was not sure is open now.
    pub(crate) fn crash(&mut self, committed: Position) {
        self.copies.retain(|_, c| {
            if !c.persistent || c.settled.is_some_and(|s| s.holds(committed)) {
                return false; // Gone for good; a copy that shows up again is a violation.
            }
            let stored = c.stored.holds(committed);
            c.maybe |= !stored || c.settled.is_some();
            c.settled = None;
            c.stored = Sure::Yes;
            true
        });
    }

    /// A consumer was given `id`. What is wrong with that, if anything.
    pub(crate) fn deliver(&mut self, queue: &str, id: u64) -> Result<(), String> {
        let copy = self
            .copies
            .get_mut(&id)
            .ok_or_else(|| format!("{queue}: message {id} was never there, or was settled for good"))?;
        if copy.settled.is_some() {
            return Err(format!("{queue}: message {id} was delivered after it was settled"));
        }
        copy.seen = true;
        copy.maybe = false;
        Ok(())
    }

    /// Everything that must be there but was not given to anybody.
    pub(crate) fn missing(&self) -> Vec<u64> {
        self.copies.iter().filter(|(_, c)| c.settled.is_none() && !c.maybe).map(|(&id, _)| id).collect()
    }
}
