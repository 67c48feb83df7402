//! Configuration as clients see it: of topics, and what the broker's own means in Kafka's names.

mod broker;
mod group;
mod topic;

pub(crate) use broker::{broker_defaults, broker_settings};
pub(crate) use group::group_settings;
pub(crate) use topic::topic_settings;

use std::borrow::Cow;

use anymq_catalog::topic_config::{BrokerSettings, Key, Layer, Type};

/// Kinds of things that are configured (`ConfigResource.Type`).
pub(crate) mod resource {
    pub(crate) const TOPIC: i8 = 2;
    pub(crate) const BROKER: i8 = 4;
    pub(crate) const BROKER_LOGGER: i8 = 8;
    pub(crate) const CLIENT_METRICS: i8 = 16;
    pub(crate) const GROUP: i8 = 32;
    /// All of them.
    pub(crate) const ALL: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
}

/// Where a value comes from (`DescribeConfigsResponse.ConfigSource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It was set for this topic.
    Topic = 1,
    /// It was set for this node.
    Node = 2,
    /// It was set for all nodes.
    EveryNode = 3,
    /// The operator set it for the whole broker.
    Broker = 4,
    /// Nobody set it.
    Default = 5,
    /// It was set for this group.
    Group = 8,
}

impl Source {
    /// On the wire.
    pub(crate) fn id(self) -> i8 {
        self as i8
    }
}

/// One setting and its value.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// None is set, and there is no default.
    pub(crate) value: Option<Cow<'static, str>>,
    pub(crate) kind: Type,
    pub(crate) source: Source,
    pub(crate) read_only: bool,
    pub(crate) doc: &'static str,
    /// Where the value would come from, first the one that counts.
    pub(crate) synonyms: Vec<Synonym>,
}

/// A place where a value may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synonym {
    pub(crate) name: &'static str,
    pub(crate) value: Cow<'static, str>,
    pub(crate) source: Source,
}

impl From<Layer> for Source {
    fn from(layer: Layer) -> Source {
        match layer {
            Layer::Node => Source::Node,
            Layer::Every => Source::EveryNode,
        }
    }
}

/// What the broker has for topics that do not set this, first what counts: what clients have set, and what is there without them.
/// What nobody set, and has no default under that name, has no place.
fn places_of_broker(key: &Key, broker: &BrokerSettings) -> Vec<Synonym> {
    let Some(name) = key.broker_name else { return Vec::new() };
    let set = broker.places(key).map(|(layer, value)| Synonym {
        name,
        value: value.to_string().into(),
        source: layer.into(),
    });
    let mut places: Vec<Synonym> = set.collect();
    let default = |name, value: &'static str| Synonym { name, value: value.into(), source: Source::Default };
    match key.broker_fallback {
        None => places.push(default(name, key.default)),
        Some((name, value)) if !places.is_empty() => places.push(default(name, value)),
        Some(_) => {}
    }
    places
}

/// A type on the wire (`DescribeConfigsResponse.ConfigType`).
pub(crate) fn type_id(kind: Type) -> i8 {
    match kind {
        Type::Boolean => 1,
        Type::String => 2,
        Type::Int => 3,
        Type::Short => 4,
        Type::Long => 5,
        Type::Double => 6,
        Type::List => 7,
        Type::Class => 8,
        Type::Password => 9,
    }
}
