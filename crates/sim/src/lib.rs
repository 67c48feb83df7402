//! Seeded simulation of the core and the journal.
