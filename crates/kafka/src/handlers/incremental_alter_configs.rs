//! `IncrementalAlterConfigs`: some settings of a topic, a group or the broker; the others stay.

use std::collections::BTreeSet;

use anymq_broker::Error;
use anymq_catalog::topic_config::{
    self, BrokerSettings, Config, ConfigError, VALUE_BYTES_MAX, find_of_broker,
};
use anymq_types::Position;

use super::alter_broker_configs::{alter_broker, own_name};
use super::alter_configs::{Refusal, alter_each, check_entries, check_resource, hall_says, invalid, refused};
use super::alter_group_configs::alter_group;
use super::limits::ELEMENTS_MAX;
use crate::configs::resource;
use crate::names;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::configs::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, IncrementalConfig,
    IncrementalConfigsResource,
};

// What is done to a setting (`AlterConfigOp.OpType`).
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(super) fn incremental_alter_configs(
    cx: &mut Cx<'_>,
    request: IncrementalAlterConfigsRequest<'_>,
) -> Reply {
    if request.resources.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut commit = None;
    let resources = || request.resources.iter().map(|r| ((r.resource_type, r.resource_name), r));
    let responses = alter_each(resources, |resource| alter(cx, resource, request.validate_only, &mut commit));
    cx.reply_when(commit, &IncrementalAlterConfigsResponse { responses, ..Default::default() })
}

fn alter(
    cx: &Cx<'_>,
    resource: &IncrementalConfigsResource<'_>,
    validate_only: bool,
    commit: &mut Option<Position>,
) -> Result<(), Refusal> {
    let name = resource.resource_name;
    let entries = || resource.configs.iter();
    check_entries(entries().map(|c| (c.name, c.value.is_none() && c.config_operation != DELETE)))?;
    if let Some(odd) = entries().find(|c| !(SET..=SUBTRACT).contains(&c.config_operation)) {
        return Err(invalid(format!("Unknown operations type {}", odd.config_operation)));
    }
    check_resource(cx, (resource.resource_type, name), || entries().map(|c| c.name))?;
    if resource.resource_type == resource::GROUP {
        return alter_group(cx, name, validate_only, commit, |now| altered_group(now, entries()));
    }
    if resource.resource_type == resource::BROKER {
        let names = entries().map(|c| c.name);
        return alter_broker(cx, name, validate_only, commit, names, |now| altered_broker(now, entries()));
    }
    if resource.resource_type != resource::TOPIC {
        return Ok(());
    }
    if let Some(fault) = names::fault(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, fault));
    }
    let (mut refusal, broker) = (None, cx.hall.broker_settings());
    let done = cx.hall.alter_topic(name, validate_only, |now| {
        altered(now, &broker, entries()).map_err(|(code, says)| {
            refusal = Some((code, says.clone()));
            Error::invalid(says)
        })
    });
    let done = done.map_err(|error| refusal.unwrap_or_else(|| hall_says(name, error)))?;
    *commit = (*commit).max(done.commit);
    Ok(())
}

/// A topic's settings after all that is done to them.
fn altered<'a>(
    now: &Config,
    broker: &BrokerSettings,
    entries: impl Iterator<Item = IncrementalConfig<'a>>,
) -> Result<Config, Refusal> {
    let mut config = now.clone();
    for entry in entries {
        apply(&mut config, &entry)?;
    }
    topic_config::validate(&config, broker).map_err(refused)?;
    Ok(config)
}

/// A group's settings after all that is done to them.
fn altered_group<'a>(
    now: &Config,
    entries: impl Iterator<Item = IncrementalConfig<'a>>,
) -> Result<Config, Refusal> {
    let mut config = now.clone();
    for entry in entries {
        match entry.config_operation {
            SET => {
                config.insert(entry.name.into(), entry.value.unwrap_or_default().into());
            }
            DELETE => {
                config.remove(entry.name);
            }
            // None of them is a list.
            operation => return Err(not_a_list(entry.name, operation)),
        }
    }
    Ok(config)
}

/// The broker's settings after all that is done to them, by its names; whether they can be set is not looked at yet.
fn altered_broker<'a>(
    now: &Config,
    entries: impl Iterator<Item = IncrementalConfig<'a>>,
) -> Result<Config, Refusal> {
    let mut config = now.clone();
    for entry in entries {
        let (name, value) = (own_name(entry.name), entry.value.unwrap_or_default());
        match (entry.config_operation, find_of_broker(name)) {
            (DELETE, _) => drop(config.remove(name)),
            // Nor can what is not known be appended to.
            (SET, _) | (_, None) => drop(config.insert(name.into(), value.into())),
            (operation, Some((key, _))) if key.is_list() => {
                let now = config.get(name).map_or(key.default, |value| value);
                let changed = changed_list(now, value, operation == APPEND);
                config.insert(name.into(), changed.into());
            }
            (operation, Some(_)) => {
                let operation = if operation == APPEND { "append" } else { "subtract" };
                let says = format!("Config value {operation} is not allowed for config key: {name}");
                return Err((ErrorCode::INVALID_CONFIG, says));
            }
        }
    }
    Ok(config)
}

/// Does one thing to the settings of a topic.
fn apply(config: &mut Config, entry: &IncrementalConfig<'_>) -> Result<(), Refusal> {
    let (name, value) = (entry.name, entry.value.unwrap_or_default());
    if value.len() > VALUE_BYTES_MAX {
        return Err(invalid(format!("A value has no more than {VALUE_BYTES_MAX} bytes")));
    }
    let key = topic_config::find(name);
    match entry.config_operation {
        SET => {
            let key = key.ok_or_else(|| refused(ConfigError::unknown(name)))?;
            config.insert(key.name.into(), value.into());
        }
        DELETE => {
            config.remove(name);
        }
        operation => {
            let key = key.filter(|key| key.is_list()).ok_or_else(|| not_a_list(name, operation))?;
            // What is not set begins as its default.
            let now = config.get(key.name).map_or(key.default, |value| value);
            let changed = changed_list(now, value, operation == APPEND);
            config.insert(key.name.into(), changed.into());
        }
    }
    Ok(())
}

/// A list with these items more or less.
fn changed_list(now: &str, items: &str, append: bool) -> String {
    let items = items.split(',').map(str::trim);
    let mut list: Vec<&str> = now.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if append {
        let known: BTreeSet<&str> = list.iter().copied().collect();
        list.extend(items.filter(|item| !known.contains(item)));
    } else {
        let gone: BTreeSet<&str> = items.collect();
        list.retain(|item| !gone.contains(item));
    }
    list.join(",")
}

fn not_a_list(name: &str, operation: i8) -> Refusal {
    let operation = if operation == APPEND { "APPEND" } else { "SUBTRACT" };
    let shown: String = name.chars().take(256).collect();
    let says = format!("Can't {operation} to key {shown} because its type is not LIST.");
    (ErrorCode::INVALID_CONFIG, says)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(now: Option<&str>, operation: i8, value: &str) -> String {
        let mut config = Config::new();
        if let Some(now) = now {
            config.insert("cleanup.policy".into(), now.into());
        }
        let entry =
            IncrementalConfig { name: "cleanup.policy", config_operation: operation, value: Some(value) };
        apply(&mut config, &entry).unwrap();
        config["cleanup.policy"].to_string()
    }

    #[test]
    fn lists_grow_and_shrink() {
        assert_eq!(list(Some("compact"), APPEND, "delete"), "compact,delete");
        assert_eq!(list(Some("compact,delete"), APPEND, "delete"), "compact,delete");
        assert_eq!(list(Some("compact , delete"), SUBTRACT, "delete"), "compact");
        assert_eq!(list(Some("compact"), SUBTRACT, "compact"), "");
        assert_eq!(list(None, APPEND, "compact"), "delete,compact", "the default is delete");
        assert_eq!(list(None, SUBTRACT, "delete"), "");
    }

    #[test]
    fn what_is_no_list_is_set_or_deleted() {
        for (operation, word) in [(APPEND, "APPEND"), (SUBTRACT, "SUBTRACT")] {
            for name in ["retention.ms", "foo"] {
                let entry = IncrementalConfig { name, config_operation: operation, value: Some("1") };
                let (code, says) = apply(&mut Config::new(), &entry).unwrap_err();
                assert_eq!(code, ErrorCode::INVALID_CONFIG);
                assert_eq!(says, format!("Can't {word} to key {name} because its type is not LIST."));
            }
        }
        let delete = IncrementalConfig { name: "foo", config_operation: DELETE, value: None };
        assert_eq!(apply(&mut Config::new(), &delete), Ok(()));
        let set = IncrementalConfig { name: "foo", config_operation: SET, value: Some("1") };
        assert_eq!(apply(&mut Config::new(), &set).unwrap_err().1, "Unknown topic config name: foo");
    }
}
