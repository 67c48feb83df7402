//! Arguments as they are kept.

use std::sync::Arc;

use anymq_types::value::{Table, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

static EMPTY: Table = Table(Vec::new());

/// A table of arguments, shared between equal ones; nothing is allocated for an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Args(Option<Arc<Table>>);

impl Args {
    /// No arguments.
    pub const EMPTY: Args = Args(None);

    /// Takes over a table.
    pub fn new(table: Table) -> Self {
        Args((!table.is_empty()).then(|| Arc::new(table)))
    }

    /// Takes over a table, in the order of names; equal sets of arguments become equal.
    pub fn sorted(mut table: Table) -> Self {
        table.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        Args::new(table)
    }

    /// The table.
    pub fn table(&self) -> &Table {
        self.0.as_deref().unwrap_or(&EMPTY)
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.table().get(name)
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn shared(&self) -> Option<&Arc<Table>> {
        self.0.as_ref()
    }

    pub(crate) fn share(&mut self, table: &Arc<Table>) {
        self.0 = Some(table.clone());
    }

    /// A byte string that orders and tells apart sets of arguments.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Fails only for names beyond 255 bytes, which no wire carries; then the prefix written so far has to do.
        let _ = self.table().encode_content(&mut bytes);
        bytes
    }
}

impl From<Table> for Args {
    fn from(table: Table) -> Self {
        Args::new(table)
    }
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Table::deserialize(deserializer).map(Args::new)
    }
}
