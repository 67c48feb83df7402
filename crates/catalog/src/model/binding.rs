//! Bindings and their keys.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

use anymq_types::VhostId;
use anymq_types::value::Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::args::Args;

/// A routing key or binding key: any bytes, at most 255.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutingKey(Arc<[u8]>);

impl RoutingKey {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, with replacement characters where it is none.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Borrow<[u8]> for RoutingKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Default for RoutingKey {
    fn default() -> Self {
        RoutingKey(Arc::from([]))
    }
}

impl fmt::Debug for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_text(), f)
    }
}

impl From<&str> for RoutingKey {
    fn from(text: &str) -> Self {
        RoutingKey(text.as_bytes().into())
    }
}

impl From<&[u8]> for RoutingKey {
    fn from(bytes: &[u8]) -> Self {
        RoutingKey(bytes.into())
    }
}

impl Serialize for RoutingKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Text::from(self.as_bytes()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RoutingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(RoutingKey(Text::deserialize(deserializer)?.0.into()))
    }
}

/// Where a binding leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// The queue of that name.
    Queue(Arc<str>),
    /// The exchange of that name.
    Exchange(Arc<str>),
}

impl Destination {
    /// The name, of whichever.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Destination::Queue(name) | Destination::Exchange(name) => name,
        }
    }

    /// `queue` or `exchange`.
    pub fn kind(&self) -> &'static str {
        match self {
            Destination::Queue(_) => "queue",
            Destination::Exchange(_) => "exchange",
        }
    }
}

/// A binding. All of it is its identity, the arguments too; their order does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Where.
    pub vhost: VhostId,
    /// Name of the exchange it leads from.
    pub source: Arc<str>,
    /// Where it leads.
    pub destination: Destination,
    /// Key, pattern or weight, as the source's kind reads it.
    #[serde(default)]
    pub routing_key: RoutingKey,
    /// Header matches, for a headers exchange. Keep them sorted: [`Args::sorted`].
    #[serde(default, skip_serializing_if = "Args::is_empty")]
    pub args: Args,
}
