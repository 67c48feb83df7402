//! The schema registry: Confluent's HTTP API as a door, and the judge of messages against schemas.
//!
//! Stands on `net` (connections), `broker` (the hall) and `catalog` (where schemas live, see docs/adr/0011). [`serve`] opens the door and hands
//! the [`Judge`] to the hall. `language` is one schema, whatever it is written in; `avro`, `json` and `protobuf` are the three languages: parsing,
//! comparing, judging payloads. `registry` with `register`, `subjects` and `settings` are the operations, `router` the table of paths.
//!
//! Invariants: nothing is parsed, compared or judged under the core's lock; every schema, payload and comparison is bounded in size, depth
//! and steps; no answer and no log line holds a payload; permissions are asked in the broker.

mod answer;
mod avro;
mod config;
mod errors;
mod examine;
mod handlers;
mod json;
mod judge;
mod language;
mod protobuf;
mod register;
mod registry;
mod router;
mod serve;
mod settings;
mod shelf;
mod subjects;
mod text;
mod wire;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use examine::{Examined, examine};
pub use judge::Judge;
pub use serve::serve;
