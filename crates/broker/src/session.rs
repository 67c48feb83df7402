//! One client's view of the hall: every operation a door can ask for.
//!
//! A session is owned by its connection. Calls are synchronous and short: they take the core's lock once, apply, and return;
//! what happens later (deliveries, cancelled consumers, committed positions) arrives in the [`Outbox`].
