//! Whether the messages of a queue or topic must be written with a schema of the registry.

/// Which subject a message's schema must be registered under. The names are those of Confluent's strategies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SubjectNaming {
    /// The name of the queue or topic, and `-key` or `-value`.
    #[default]
    Topic,
    /// The full name of the schema's record, message or title.
    Record,
    /// The name of the queue or topic, `-`, and that of the record.
    TopicRecord,
}

impl SubjectNaming {
    /// Values of a topic's setting.
    pub const CLASSES: [&'static str; 3] = [
        "io.confluent.kafka.serializers.subject.TopicNameStrategy",
        "io.confluent.kafka.serializers.subject.RecordNameStrategy",
        "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy",
    ];
    /// Values of a queue's argument.
    pub const WORDS: [&'static str; 3] = ["topic", "record", "topic-record"];

    const ALL: [SubjectNaming; 3] = [SubjectNaming::Topic, SubjectNaming::Record, SubjectNaming::TopicRecord];

    /// By a topic's setting or a queue's argument.
    pub fn named(name: &str) -> Option<SubjectNaming> {
        let at = |names: &[&str]| names.iter().position(|n| *n == name);
        at(&Self::CLASSES).or_else(|| at(&Self::WORDS)).map(|at| Self::ALL[at])
    }
}

/// What must be written with a schema: neither, unless something is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SchemaRules {
    /// Keys must be, and how their subject is named.
    pub key: Option<SubjectNaming>,
    /// Values must be, and how their subject is named.
    pub value: Option<SubjectNaming>,
}

impl SchemaRules {
    /// Whether anything must be.
    pub fn is_empty(&self) -> bool {
        *self == SchemaRules::default()
    }

    /// What both demand; where both do, the naming of `self`.
    pub fn or(self, other: SchemaRules) -> SchemaRules {
        SchemaRules { key: self.key.or(other.key), value: self.value.or(other.value) }
    }

    /// By a queue's argument: `key`, `value`, or both with a comma.
    pub(crate) fn parts(text: &str) -> Option<(bool, bool)> {
        match text {
            "value" => Some((false, true)),
            "key" => Some((true, false)),
            "key,value" | "value,key" => Some((true, true)),
            _ => None,
        }
    }
}
