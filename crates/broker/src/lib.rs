//! The hall: every messaging semantic, once, for every protocol.
