//! What a panic under the core's lock comes to.

use anymq_log::Log;

/// Ends the log, and with it the process, when an operation panics half-way: nobody may go on with a state that the journal does not
/// have. What was committed is kept, and a restart goes on from there.
pub(crate) struct FailStop<'a> {
    log: &'a Log,
    was_panicking: bool,
}

impl<'a> FailStop<'a> {
    pub(crate) fn new(log: &'a Log) -> Self {
        FailStop { log, was_panicking: std::thread::panicking() }
    }
}

impl Drop for FailStop<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.was_panicking {
            self.log.fail("an operation on the core panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use anymq_log::{Config, Health, Log, Replay, ReplayError};
    use anymq_runtime::FaultDisk;

    use super::*;

    struct Nothing;

    impl Replay for Nothing {
        fn restore(&mut self, _: &[u8]) -> Result<(), ReplayError> {
            Ok(())
        }

        fn replay(&mut self, _: anymq_log::Frame<'_>) -> Result<(), ReplayError> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_ends_the_log_and_one_that_came_before_does_not() {
        let told = Arc::new(AtomicU32::new(0));
        let count = told.clone();
        let on_fatal: anymq_log::OnFatal = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let config = Config { threads: false, on_fatal, ..Config::default() };
        let log = Log::open(Arc::new(FaultDisk::new()), config, &mut Nothing).expect("opens");
        drop(FailStop::new(&log));
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            struct Late<'a>(&'a Log);
            impl Drop for Late<'_> {
                fn drop(&mut self) {
                    drop(FailStop::new(self.0));
                }
            }
            let _late = Late(&log);
            panic!("elsewhere");
        }));
        assert!(unwound.is_err() && log.health() == Health::Ok);
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _guard = FailStop::new(&log);
            panic!("half-way");
        }));
        assert!(unwound.is_err() && matches!(log.health(), Health::Failed(_)));
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }
}
