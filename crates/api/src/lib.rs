//! Request and response types of the admin API, and the table of operator errors. Plain data: no I/O, no broker.
//!
//! `admin` serves these types, `cli` asks for them. Paths are built by [`paths`] on both sides. Every failure that an
//! operator sees, here or at start-up, is a [`Problem`]: a code of [`codes`], what happened, why, and how to fix it.
//!
//! Numbers are 64 bits; sizes are bytes, times are milliseconds (durations) or milliseconds since the Unix epoch
//! (names end in `_at`), rates are not given: a reader takes two samples. Fields are only ever added.

pub mod codes;
pub mod entities;
pub mod groups;
pub mod messages;
pub mod overview;
pub mod paths;
mod problem;
pub mod topics;
pub mod transactions;

pub use codes::{Class, Code};
pub use entities::*;
pub use groups::*;
pub use messages::*;
pub use overview::*;
pub use problem::Problem;
pub use topics::*;
pub use transactions::*;
