//! Messages against schemas: what the hall asks before it takes one.

use anymq_broker::Broker;
use anymq_broker::validation::{Part, Place, Validator};
use anymq_catalog::SubjectNaming;
use anymq_types::SchemaId;

use crate::shelf::Shelf;

/// Bytes before a payload: a zero and the schema's id.
const HEAD_BYTES: usize = 5;

/// Judges messages.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    shelf: Shelf,
}

impl Judge {
    /// One that shares what it compiles with the door.
    pub(crate) fn of(shelf: Shelf) -> Judge {
        Judge { shelf }
    }
}

impl Validator for Judge {
    fn check(&self, broker: &Broker, place: &Place, part: Part, payload: &[u8]) -> Result<(), String> {
        let Some(([0, a, b, c, d], payload)) = payload.split_first_chunk::<HEAD_BYTES>() else {
            return Err("it does not begin with a zero byte and the id of a schema".into());
        };
        let id = u32::from_be_bytes([*a, *b, *c, *d]);
        let Some(compiled) = self.shelf.get(broker, place.vhost, SchemaId(id)) else {
            return Err(format!("there is no schema {id}"));
        };
        let parsed = compiled.parsed.as_ref().map_err(|why| format!("schema {id} cannot be used: {why}"))?;
        let naming = match part {
            Part::Key => place.rules.key,
            Part::Value => place.rules.value,
        };
        let record = || {
            let name = parsed.record_name(payload);
            name.ok_or_else(|| format!("schema {id} has no record name to find its subject by"))
        };
        let subject = match naming.unwrap_or_default() {
            SubjectNaming::Topic => format!("{}-{}", place.name, part.as_str()),
            SubjectNaming::Record => record()?,
            SubjectNaming::TopicRecord => format!("{}-{}", place.name, record()?),
        };
        if !compiled.subjects.contains(&*subject) {
            return Err(format!("schema {id} is not registered under subject '{subject}'"));
        }
        parsed.check(payload).map_err(|flaw| format!("schema {id}, at {}: {}", flaw.path(), flaw.what))
    }
}
