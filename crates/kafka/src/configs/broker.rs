//! The broker's settings in Kafka's names: those that mean something here. Clients can change what topics follow that set nothing;
//! the others are set in the configuration file, so that clients can read them only.

use std::borrow::Cow;

use anymq_catalog::topic_config::{BrokerSettings, KEYS, Key, Layer, Type};

use super::{Setting, Source, Synonym, places_of_broker};
use crate::peer::Entry;
use crate::sasl::Mechanism;
use crate::session::Cx;

/// Every setting of this broker that clients may read.
pub(crate) fn broker_settings(cx: &Cx<'_>) -> Vec<Setting> {
    let mut settings = own_settings(cx);
    let broker = cx.hall.broker_settings();
    settings.extend(KEYS.iter().filter_map(|key| default_of_topics(key, &broker)));
    settings.sort_unstable_by_key(|setting| setting.name);
    settings
}

/// What is set for all nodes.
pub(crate) fn broker_defaults(broker: &BrokerSettings) -> Vec<Setting> {
    let source = Source::from(Layer::Every);
    let all = KEYS.iter().filter_map(|key| default_of_topics(key, broker));
    let set = all.filter_map(|mut setting| {
        setting.synonyms.retain(|place| place.source == source);
        setting.value = Some(setting.synonyms.first()?.value.clone());
        Some(Setting { source, ..setting })
    });
    let mut settings: Vec<Setting> = set.collect();
    settings.sort_unstable_by_key(|setting| setting.name);
    settings
}

/// A setting that topics follow that do not set it.
fn default_of_topics(key: &'static Key, broker: &BrokerSettings) -> Option<Setting> {
    let synonyms = places_of_broker(key, broker);
    let counts = synonyms.first();
    Some(Setting {
        name: key.broker_name?,
        value: counts.map(|place| place.value.clone()),
        kind: key.kind(),
        source: counts.map_or(Source::Default, |place| place.source),
        read_only: false,
        doc: key.doc,
        synonyms,
    })
}

fn own_settings(cx: &Cx<'_>) -> Vec<Setting> {
    let (config, node) = (cx.config, cx.node(cx.node_id()));
    let scheme = match cx.peer.entry {
        Entry::Plain => "PLAINTEXT",
        Entry::Tls => "SSL",
        Entry::Login => "SASL_SSL",
    };
    let advertised = format!("{scheme}://{}:{}", node.host, node.port);
    let listener = format!("{scheme}://{}", cx.peer.local);
    let offered = Mechanism::offered(config, cx.hall.broker(), cx.peer);
    let mechanisms: Vec<&str> = offered.into_iter().map(Mechanism::name).collect();
    let id = node.id.to_string();
    vec![
        of_file("advertised.listeners", Type::List, advertised, "Where clients are told to connect to."),
        of_file(
            "auto.create.topics.enable",
            Type::Boolean,
            config.auto_create_topics.to_string(),
            "Whether a topic is made when a client asks for one that does not exist.",
        ),
        of_file("broker.id", Type::Int, id.clone(), "The id of this node."),
        unset("broker.rack", Type::String, "Where this node stands."),
        of_file(
            "connections.max.idle.ms",
            Type::Long,
            config.idle_timeout.as_millis().to_string(),
            "A connection on which nothing came for so long is closed.",
        ),
        fixed("default.replication.factor", Type::Int, "1", "Replicas of a topic whose maker does not say."),
        fixed("delete.topic.enable", Type::Boolean, "true", "Whether topics can be deleted."),
        of_file(
            "fetch.max.bytes",
            Type::Int,
            config.fetch_bytes_max.0.to_string(),
            "Most bytes of records in the answer to one fetch.",
        ),
        fixed(
            "log.flush.scheduler.interval.ms",
            Type::Long,
            "9223372036854775807",
            "How often it is looked whether the disk is to be synced: it is for every message.",
        ),
        fixed(
            "log.retention.hours",
            Type::Int,
            "168",
            "How long messages are kept, if neither log.retention.ms nor a topic says.",
        ),
        unset("log.retention.minutes", Type::Int, "The same in minutes."),
        fixed("log.roll.hours", Type::Int, "168", "log.roll.ms in hours, if that is not set."),
        fixed("log.roll.jitter.hours", Type::Int, "0", "log.roll.jitter.ms in hours, if that is not set."),
        of_file("listeners", Type::List, listener, "Where this node listens."),
        fixed("log.cleaner.enable", Type::Boolean, "true", "Whether topics are compacted."),
        of_file("node.id", Type::Int, id, "The id of this node."),
        of_file(
            "num.partitions",
            Type::Int,
            config.default_partitions.to_string(),
            "Partitions of a topic whose maker does not say.",
        ),
        fixed("process.roles", Type::List, "broker,controller", "What this node does."),
        of_file("sasl.enabled.mechanisms", Type::List, mechanisms.join(","), "How clients can log in."),
        of_file(
            "socket.request.max.bytes",
            Type::Int,
            config.request_bytes_max.0.to_string(),
            "The largest request.",
        ),
    ]
}

fn of_file(name: &'static str, kind: Type, value: String, doc: &'static str) -> Setting {
    setting(name, kind, Some(value.into()), Source::Broker, doc)
}

fn fixed(name: &'static str, kind: Type, value: &'static str, doc: &'static str) -> Setting {
    setting(name, kind, Some(value.into()), Source::Default, doc)
}

fn unset(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    setting(name, kind, None, Source::Default, doc)
}

fn setting(
    name: &'static str,
    kind: Type,
    value: Option<Cow<'static, str>>,
    source: Source,
    doc: &'static str,
) -> Setting {
    let synonyms = value.iter().map(|value| Synonym { name, value: value.clone(), source }).collect();
    Setting { name, value, kind, source, read_only: true, doc, synonyms }
}
