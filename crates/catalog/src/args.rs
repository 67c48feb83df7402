//! Arguments: the tables that come with a declaration, and what they mean.
//!
//! [`queue`] reads and checks those of a queue, [`exchange`] of an exchange, [`consumer`] of a consumer, [`binding`]
//! of a binding. Each refuses with RabbitMQ's text, so a door passes the `Display` of the error on. Sources:
//! `rabbit_amqqueue.erl` (`declare_args`), the three queue type modules, `rabbit_channel.erl` (4.0.5).

pub mod binding;
pub mod consumer;
pub mod exchange;
pub mod queue;

mod problem;
mod table;

pub use problem::{ArgError, Problem, type_name};
pub(crate) use problem::{resource, term};
pub use table::Args;

pub(crate) use exchange::delayed_kind;
