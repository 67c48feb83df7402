//! The allocator gives memory back.
//!
//! jemalloc (docs/adr/0007-allocator.md) returns freed pages after ten seconds; without threads of its own it does so only while
//! others allocate, so that a burst would stay resident in a broker that has nothing to do. They are started after recovery and
//! the hashing of first passwords: until then large blocks go back at once.

/// Starts the allocator's threads.
pub(crate) fn give_back_in_background() {
    if let Err(error) = tikv_jemalloc_ctl::background_thread::write(true) {
        tracing::warn!(%error, "freed memory goes back to the system only while more is allocated");
    }
}
