//! The settings of a group.

use std::borrow::Cow;

use anymq_broker::{GroupConfig, GroupKey, GroupKeyKind};
use anymq_catalog::topic_config::Type;

use super::{Setting, Source, Synonym};

/// Every setting of a group, by name.
pub(crate) fn group_settings(keys: Vec<GroupKey>, set: &GroupConfig) -> Vec<Setting> {
    keys.into_iter().map(|key| setting(key, set)).collect()
}

fn setting(key: GroupKey, set: &GroupConfig) -> Setting {
    let place = |value: Cow<'static, str>, source| Synonym { name: key.name, value, source };
    let own = set.get(key.name).map(|value| place(value.trim().to_owned().into(), Source::Group));
    let default = place(key.default.into(), Source::Default);
    let counts = own.as_ref().unwrap_or(&default);
    Setting {
        name: key.name,
        value: Some(counts.value.clone()),
        source: counts.source,
        kind: match key.kind {
            GroupKeyKind::Int => Type::Int,
            GroupKeyKind::Text => Type::String,
            GroupKeyKind::Bool => Type::Boolean,
        },
        read_only: false,
        doc: key.doc,
        synonyms: own.into_iter().chain([default]).collect(),
    }
}
