//! Schemas that were compiled, for as long as no schema changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anymq_broker::Broker;
use anymq_catalog::{SchemaReference, Schemas};
use anymq_types::{SchemaId, VhostId};
use parking_lot::RwLock;

use crate::language::{Parsed, Referenced};

/// Most schemas held, and bytes of their texts with all they name; then all are let go and those needed compiled again.
const HELD_MAX: usize = 1_000;
const HELD_BYTES_MAX: usize = 64 << 20;
/// Schemas one may name by itself; by way of others; and how far that goes.
pub(crate) const REFERENCES_MAX: usize = 100;
const CLOSURE_MAX: usize = 200;
const CLOSURE_DEPTH_MAX: usize = 16;
const CLOSURE_BYTES_MAX: usize = 4 << 20;

/// A schema, compiled, and where it is registered.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Or why it cannot be.
    pub(crate) parsed: Result<Parsed, String>,
    /// The subjects of which it is a version that is not deleted.
    pub(crate) subjects: BTreeSet<Arc<str>>,
}

#[derive(Debug, Default)]
struct Held {
    epoch: u64,
    bytes: usize,
    compiled: HashMap<(VhostId, SchemaId), Arc<Compiled>>,
}

/// What is compiled. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    held: Arc<RwLock<Held>>,
}

impl Shelf {
    /// The schema of that id, if there is one.
    pub(crate) fn get(&self, broker: &Broker, vhost: VhostId, id: SchemaId) -> Option<Arc<Compiled>> {
        // Asked before the catalogue is: what changes in between is compiled again.
        let epoch = broker.schema_epoch();
        {
            let held = self.held.read();
            if held.epoch == epoch
                && let Some(compiled) = held.compiled.get(&(vhost, id))
            {
                return Some(compiled.clone());
            }
        }
        let (schema, references, subjects) = broker.catalog(|catalog| {
            let schemas = catalog.schemas(vhost)?;
            let schema = schemas.schema(id)?.clone();
            let references = named(schemas, &schema.references, true);
            let subjects = schemas.uses(id).filter(|v| !v.deleted).map(|v| v.subject.clone()).collect();
            Some((schema, references, subjects))
        })?;
        let bytes = schema.text.len()
            + references.as_ref().map_or(0, |all| all.iter().map(|r| r.text.len()).sum::<usize>());
        let parsed = references.map_err(|Missing(what)| what).and_then(|references| {
            Parsed::parse(schema.kind, &schema.text, &references, false).map(|(parsed, _)| parsed)
        });
        let compiled = Arc::new(Compiled { parsed, subjects });
        let mut held = self.held.write();
        if held.epoch != epoch || held.compiled.len() >= HELD_MAX || held.bytes + bytes > HELD_BYTES_MAX {
            *held = Held { epoch, ..Held::default() };
        }
        held.bytes += bytes;
        held.compiled.insert((vhost, id), compiled.clone());
        Some(compiled)
    }
}

/// Something that is named is not there, or it is too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) String);

/// Everything that references name, directly and by way of others, each before those that name it. Deleted versions count only for what was
/// registered before they were deleted.
pub(crate) fn named(
    schemas: &Schemas,
    references: &[SchemaReference],
    with_deleted: bool,
) -> Result<Vec<Referenced>, Missing> {
    let mut closure = Closure { schemas, with_deleted, seen: BTreeSet::new(), bytes: 0, found: Vec::new() };
    closure.add(references, 0)?;
    Ok(closure.found)
}

struct Closure<'a> {
    schemas: &'a Schemas,
    with_deleted: bool,
    seen: BTreeSet<(Arc<str>, u32)>,
    bytes: usize,
    found: Vec<Referenced>,
}

impl Closure<'_> {
    fn add(&mut self, references: &[SchemaReference], depth: usize) -> Result<(), Missing> {
        if depth > CLOSURE_DEPTH_MAX {
            return Err(Missing(format!("references go deeper than {CLOSURE_DEPTH_MAX} levels")));
        }
        for reference in references {
            let SchemaReference { name, subject, version } = reference;
            if !self.seen.insert((subject.clone(), *version)) {
                continue;
            }
            if self.seen.len() > CLOSURE_MAX {
                return Err(Missing(format!("more than {CLOSURE_MAX} schemas are named in the end")));
            }
            let found = self.schemas.version(subject, *version).filter(|v| self.with_deleted || !v.deleted);
            let schema = found.and_then(|v| self.schemas.schema(v.schema)).ok_or_else(|| {
                Missing(format!("No schema reference found for subject \"{subject}\" and version {version}"))
            })?;
            self.bytes += schema.text.len();
            if self.bytes > CLOSURE_BYTES_MAX {
                return Err(Missing(format!(
                    "schemas of more than {CLOSURE_BYTES_MAX} bytes are named in the end"
                )));
            }
            self.add(&schema.references, depth + 1)?;
            self.found.push(Referenced { name: name.clone(), text: schema.text.clone() });
        }
        Ok(())
    }
}
