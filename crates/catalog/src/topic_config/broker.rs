//! What clients set for the broker itself: the defaults of its topics.
//!
//! Kafka keeps such settings for each node and, below them, for all nodes together, and a partition follows those of the node that
//! leads it. Here one process presents every node there is, and keeps the topics of all of them. So there are two layers: what is set
//! for a node, whichever one is named, is the whole broker's and is told of every node ([`Layer::Node`]); it comes before what is set
//! for all nodes ([`Layer::Every`]), and a topic's own settings come before both. They hold for the topics of every vhost.
//!
//! What can be set are the settings that have a [`Key::broker_name`]. The topic's own name for them is taken as well and means the
//! same; they are kept, and told, by the broker's. Everything else is set in the configuration file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::error::{ConfigError, shown};
use super::key::Key;
use super::{Config, KEYS};

/// The global parameter that holds them: `{"node": {name: value}, "default": {name: value}}`, all texts.
pub const PARAMETER: &str = "kafka-broker-settings";

/// Whose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A node's, and so every node's.
    Node,
    /// Those of all nodes that set nothing themselves.
    Every,
}

impl Layer {
    /// The one that counts comes first.
    pub const ALL: [Layer; 2] = [Layer::Node, Layer::Every];

    /// What its settings are called in the parameter.
    fn name(self) -> &'static str {
        match self {
            Layer::Node => "node",
            Layer::Every => "default",
        }
    }
}

/// What clients have set for the broker, by the broker's names. Values fit their settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerSettings {
    node: Config,
    every: Config,
}

impl BrokerSettings {
    /// What stands in the parameter, and what is wrong with the rest of it.
    pub fn read(value: &Json) -> (BrokerSettings, Vec<String>) {
        let (mut settings, mut faults) = (BrokerSettings::default(), Vec::new());
        let Some(layers) = value.as_object() else { return (settings, vec!["not an object".into()]) };
        for (name, values) in layers {
            let layer = Layer::ALL.into_iter().find(|layer| layer.name() == name);
            let (Some(layer), Some(values)) = (layer, values.as_object()) else {
                faults.push(format!("'{}' is neither 'node' nor 'default' with an object", shown(name)));
                continue;
            };
            for (name, value) in values {
                let fault = match value.as_str() {
                    Some(text) => settings.put(layer, name, text).err().map(|error| error.to_string()),
                    None => Some(format!("the value of '{}' is no text", shown(name))),
                };
                faults.extend(fault);
            }
        }
        (settings, faults)
    }

    /// As the parameter holds it; `None` if nothing is set.
    pub fn to_json(&self) -> Option<Json> {
        let set = Layer::ALL.into_iter().filter(|&layer| !self.of(layer).is_empty());
        let layers: serde_json::Map<_, _> =
            set.map(|layer| (layer.name().to_owned(), json!(self.of(layer)))).collect();
        (!layers.is_empty()).then(|| layers.into())
    }

    /// What is set in one layer.
    pub fn of(&self, layer: Layer) -> &Config {
        match layer {
            Layer::Node => &self.node,
            Layer::Every => &self.every,
        }
    }

    /// The same with a layer of these settings, and no others.
    ///
    /// # Errors
    /// [`ConfigError::NotDynamic`] for all that cannot be set; else for the first value that does not fit.
    pub fn with(&self, layer: Layer, config: &Config) -> Result<BrokerSettings, ConfigError> {
        let fixed: Vec<&str> =
            config.keys().filter(|name| find(name).is_none()).map(|name| &**name).collect();
        if !fixed.is_empty() {
            return Err(ConfigError::not_dynamic(&fixed));
        }
        let mut settings = self.clone();
        settings.layer(layer).clear();
        config.iter().try_for_each(|(name, value)| settings.put(layer, name, value))?;
        Ok(settings)
    }

    /// What a setting of topics is by these, and in which layers: the first counts.
    pub fn places(&self, key: &Key) -> impl Iterator<Item = (Layer, &Arc<str>)> {
        let name = key.broker_name;
        Layer::ALL.into_iter().filter_map(move |layer| Some((layer, self.of(layer).get(name?)?)))
    }

    /// What topics that set nothing follow, by the topics' names.
    pub(super) fn defaults(&self) -> impl Iterator<Item = (&str, &str)> {
        KEYS.iter().filter_map(|key| Some((key.name, &**self.places(key).next()?.1)))
    }

    fn put(&mut self, layer: Layer, name: &str, value: &str) -> Result<(), ConfigError> {
        let refuse = || ConfigError::not_dynamic(&[name]);
        let (key, own_name) = find(name).ok_or_else(refuse)?;
        self.layer(layer).insert(own_name.into(), key.broker_value(own_name, value)?);
        Ok(())
    }

    fn layer(&mut self, layer: Layer) -> &mut Config {
        match layer {
            Layer::Node => &mut self.node,
            Layer::Every => &mut self.every,
        }
    }
}

/// The setting of topics to which the broker's of that name, or of the topic's name, gives the default; and the broker's name.
pub fn find(name: &str) -> Option<(&'static Key, &'static str)> {
    let by_own = KEYS.iter().find(|key| key.broker_name == Some(name));
    let key = by_own.or_else(|| super::find(name))?;
    Some((key, key.broker_name?))
}

impl Key {
    /// A value as the broker's setting keeps it.
    fn broker_value(&self, broker_name: &'static str, text: &str) -> Result<Arc<str>, ConfigError> {
        let text = text.trim();
        if self.name == "retention.ms" {
            match text.parse::<i64>() {
                Ok(0) => return Err(ConfigError::NoRetention),
                // Any negative time is none; a topic's is −1.
                Ok(..=-1) => return Ok("-1".into()),
                _ => {}
            }
        }
        self.validate(text).map_err(|error| match error {
            ConfigError::Value { value, fault, .. } => ConfigError::Value { name: broker_name, value, fault },
            other => other,
        })?;
        Ok(text.into())
    }
}

/// What topics and brokers are set to, over one another; the last counts.
pub(super) fn merged<'a>(broker: &'a BrokerSettings, topic: &'a Config) -> BTreeMap<&'a str, &'a str> {
    let own = topic.iter().map(|(name, value)| (&**name, &**value));
    broker.defaults().chain(own).collect()
}
