//! One suite of promises, run through every door.
