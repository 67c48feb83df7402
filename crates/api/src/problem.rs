//! One failure as an operator sees it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codes::{self, Class, Code};

/// A failure: the code's number, what happened this time, why that is a failure, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A number of [`codes::TABLE`].
    pub code: u16,
    /// What happened: names the thing and the number.
    pub what: String,
    /// Why it is refused.
    pub why: String,
    /// What to do about it.
    pub fix: String,
}

impl Problem {
    /// A problem of this code; why and fix are the table's.
    pub fn new(code: &Code, what: impl Into<String>) -> Self {
        Problem { code: code.number, what: what.into(), why: code.why.into(), fix: code.fix.into() }
    }

    /// The same with a reason that fits better than the table's.
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// The same with a remedy that fits better than the table's.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// What kind of failure it is; [`Class::Failed`] for a number this build does not know.
    pub fn class(&self) -> Class {
        codes::find(self.code).map_or(Class::Failed, |code| code.class)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyMQ-{} {}.", self.code, self.what)?;
        if !self.why.is_empty() {
            write!(f, " {}", self.why)?;
        }
        if !self.fix.is_empty() {
            write!(f, " Fix: {}", self.fix)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_code_what_why_fix() {
        let problem = Problem::new(
            &codes::QUEUE_DIFFERS,
            "queue \"orders\" exists with x-max-priority=5, you asked 10",
        );
        assert_eq!(
            problem.to_string(),
            "AnyMQ-1204 queue \"orders\" exists with x-max-priority=5, you asked 10. \
             The arguments of a queue cannot change in place. \
             Fix: use the existing arguments, set what may change by a policy, or delete the queue and declare it again"
        );
        assert_eq!(problem.class(), Class::Conflict);
        let text = serde_json::to_string(&problem).expect("plain data");
        assert_eq!(serde_json::from_str::<Problem>(&text).expect("round trip"), problem);
    }
}
