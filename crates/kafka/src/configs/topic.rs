//! The settings of a topic.

use std::borrow::Cow;

use anymq_broker::admin::Kind;
use anymq_broker::topics::TopicInfo;
use anymq_catalog::topic_config::{BrokerSettings, KEYS, Key};

use super::{Setting, Source, Synonym, places_of_broker};

/// Every setting of a topic, by name.
pub(crate) fn topic_settings(topic: &TopicInfo, broker: &BrokerSettings) -> impl Iterator<Item = Setting> {
    let is_queue = topic.kind != Kind::Stream;
    let set = |key: &Key| topic.config.get(key.name).map(|value| value.trim());
    KEYS.iter().map(move |key| setting(key, set(key), broker, is_queue))
}

fn setting(key: &'static Key, set: Option<&str>, broker: &BrokerSettings, is_queue: bool) -> Setting {
    // What is in a queue stays until it is consumed.
    let fixed = if is_queue && key.name == "retention.ms" { Some("-1") } else { None };
    let own = set.or(fixed).map(|value| Synonym {
        name: key.name,
        value: value.to_owned().into(),
        source: Source::Topic,
    });
    let synonyms: Vec<Synonym> = own.into_iter().chain(places_of_broker(key, broker)).collect();
    let counts = synonyms.first();
    Setting {
        name: key.name,
        source: counts.map_or(Source::Default, |place| place.source),
        value: Some(counts.map_or(Cow::Borrowed(key.default), |place| place.value.clone())),
        kind: key.kind(),
        read_only: is_queue,
        doc: key.doc,
        synonyms,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use anymq_broker::topics::TopicId;
    use anymq_catalog::topic_config::Layer;

    use super::*;

    fn topic(kind: Kind, config: &[(&str, &str)]) -> TopicInfo {
        let config: BTreeMap<_, _> = config.iter().map(|&(k, v)| (k.into(), v.into())).collect();
        TopicInfo {
            name: "t".into(),
            id: TopicId(1),
            partitions: Vec::new(),
            config,
            kind,
            settings: Default::default(),
        }
    }

    #[test]
    fn what_is_set_comes_before_what_is_not() {
        let topic = topic(Kind::Stream, &[("retention.ms", " 5 "), ("retention.bytes", "7")]);
        let all: Vec<Setting> = topic_settings(&topic, &BrokerSettings::default()).collect();
        assert_eq!(all.len(), KEYS.len());
        let one = |name| all.iter().find(|s| s.name == name).unwrap();
        let retention = one("retention.ms");
        assert_eq!((retention.value.as_deref(), retention.source), (Some("5"), Source::Topic));
        let places = |name| -> Vec<_> {
            one(name).synonyms.iter().map(|s| (s.name, s.value.to_string(), s.source)).collect()
        };
        // Kafka's servers have no default of that name for the first, but one in hours.
        assert_eq!(places("retention.ms"), [("retention.ms", "5".to_owned(), Source::Topic)]);
        let default = ("log.retention.bytes", "-1".to_owned(), Source::Default);
        assert_eq!(places("retention.bytes"), [("retention.bytes", "7".to_owned(), Source::Topic), default]);
        let policy = one("cleanup.policy");
        assert_eq!((policy.value.as_deref(), policy.source), (Some("delete"), Source::Default));
        assert!(!policy.read_only);
    }

    #[test]
    fn a_queue_keeps_what_is_in_it_and_cannot_be_set() {
        let topic = topic(Kind::Classic, &[]);
        let hour = [("log.retention.ms".into(), "3600000".into())].into();
        let broker = BrokerSettings::default().with(Layer::Every, &hour).unwrap();
        let retention = topic_settings(&topic, &broker).find(|s| s.name == "retention.ms").unwrap();
        assert_eq!(retention.value.as_deref(), Some("-1"));
        assert!(topic_settings(&topic, &broker).all(|s| s.read_only));
    }
}
