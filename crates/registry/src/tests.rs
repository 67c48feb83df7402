//! The registry over a broker on a disk that can fail.

mod judging;
mod registering;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anymq_broker::{Broker, Options, Principal};
use anymq_runtime::{FaultDisk, ManualClock};
use anymq_types::Millis;
use serde_json::{Value, json};

use crate::config::Config;
use crate::errors::Refusal;
use crate::judge::Judge;
use crate::registry::Registry;
use crate::shelf::Shelf;
use crate::wire::{Asked, SchemaBody};

const NOW: u64 = 1_700_000_000_000;

/// A broker and its registry.
struct House {
    broker: Broker,
    registry: Registry,
}

impl House {
    fn open(disk: &FaultDisk) -> House {
        let clock = Arc::new(ManualClock::new(Millis(NOW)));
        let log = anymq_log::Config { seed: Some(1), clock: clock.clone(), ..anymq_log::Config::default() };
        let broker = Broker::open(Options {
            config: anymq_broker::Config::default(),
            log,
            disk: Arc::new(disk.clone()),
            clock,
            seed: Some(1),
            default_user: Some(("guest".into(), "guest".into(), "/".into())),
            threads: false,
        })
        .expect("the broker starts");
        let shelf = Shelf::default();
        broker.validate_with(Arc::new(Judge::of(shelf.clone())));
        let caller = Principal::of_user("guest", SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        let registry =
            Registry { broker: broker.clone(), config: Arc::new(Config::default()), shelf, caller };
        House { broker, registry }
    }

    fn new() -> House {
        House::open(&FaultDisk::new())
    }

    fn avro(&self, subject: &str, schema: &str) -> Result<u32, Refusal> {
        self.registry.register(subject, body(json!({ "schema": schema })), false).map(|r| r.id)
    }
}

fn body(value: Value) -> SchemaBody {
    serde_json::from_value(value).expect("a body")
}

fn asked(value: Value) -> Asked {
    serde_json::from_value(value).expect("a query")
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","namespace":"n","fields":[{fields}]}}"#)
}

const A: &str = r#"{"name":"a","type":"int"}"#;
const B: &str = r#"{"name":"b","type":"string"}"#;
const B_DEFAULT: &str = r#"{"name":"b","type":"string","default":""}"#;

fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> u32 {
    result.expect_err("a refusal").code
}
