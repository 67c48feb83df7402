//! `AlterConfigs`: all settings of a topic, a group or the broker at once; what is not named goes back to its default.

use std::collections::BTreeSet;

use anymq_broker::{Error, ErrorKind};
use anymq_catalog::topic_config::{self, Config, ConfigError};
use anymq_types::Position;

use super::alter_broker_configs::{alter_broker, own_name};
use super::alter_group_configs::alter_group;
use super::describe_configs::{NO_DEFAULT_GROUP, check_node};
use super::limits::ELEMENTS_MAX;
use crate::configs::resource;
use crate::errors::topic_error;
use crate::names;
use crate::session::{Cx, Reply};
use crate::wire::messages::configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use crate::wire::{Array, ErrorCode, Text};

/// Why nothing is changed: the code and the sentence.
pub(super) type Refusal = (ErrorCode, String);

pub(super) fn alter_configs(cx: &mut Cx<'_>, request: AlterConfigsRequest<'_>) -> Reply {
    if request.resources.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut commit = None;
    let resources = || request.resources.iter().map(|r| ((r.resource_type, r.resource_name), r));
    let responses = alter_each(resources, |resource| alter(cx, resource, request.validate_only, &mut commit));
    cx.reply_when(commit, &AlterConfigsResponse { responses, ..Default::default() })
}

fn alter(
    cx: &Cx<'_>,
    resource: &AlterConfigsResource<'_>,
    validate_only: bool,
    commit: &mut Option<Position>,
) -> Result<(), Refusal> {
    let entries = || resource.configs.iter().map(|config| (config.name, config.value.is_none()));
    check_entries(entries())?;
    check_resource(cx, (resource.resource_type, resource.resource_name), || entries().map(|(name, _)| name))?;
    if resource.resource_type == resource::GROUP {
        return alter_group(cx, resource.resource_name, validate_only, commit, |_| {
            let entries = resource.configs.iter();
            Ok(entries.map(|config| (config.name.into(), config.value.unwrap_or_default().into())).collect())
        });
    }
    if resource.resource_type == resource::BROKER {
        let names = entries().map(|(name, _)| name);
        return alter_broker(cx, resource.resource_name, validate_only, commit, names, |_| {
            let entries = resource.configs.iter();
            Ok(entries.map(|c| (own_name(c.name).into(), c.value.unwrap_or_default().into())).collect())
        });
    }
    if resource.resource_type != resource::TOPIC {
        return Ok(());
    }
    let mut config = Config::new();
    for entry in &resource.configs {
        // One by one, so that only what is known is collected.
        let key = topic_config::find(entry.name).ok_or_else(|| refused(ConfigError::unknown(entry.name)))?;
        config.insert(key.name.into(), entry.value.unwrap_or_default().into());
    }
    configure(cx, resource.resource_name, config, validate_only, commit)
}

/// Gives a topic these settings.
fn configure(
    cx: &Cx<'_>,
    name: &str,
    config: Config,
    validate_only: bool,
    commit: &mut Option<Position>,
) -> Result<(), Refusal> {
    if let Some(fault) = names::fault(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, fault));
    }
    topic_config::validate(&config, &cx.hall.broker_settings()).map_err(refused)?;
    let done =
        cx.hall.configure_topic(name, config, validate_only).map_err(|error| hall_says(name, error))?;
    *commit = (*commit).max(done.commit);
    Ok(())
}

pub(super) fn hall_says(name: &str, error: Error) -> Refusal {
    match error.kind {
        ErrorKind::NotFound => {
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("The topic '{name}' does not exist."))
        }
        ErrorKind::Invalid | ErrorKind::NotAllowed => (ErrorCode::INVALID_CONFIG, error.text),
        kind => (topic_error(kind), error.text),
    }
}

pub(super) fn refused(error: ConfigError) -> Refusal {
    (ErrorCode::INVALID_CONFIG, error.to_string())
}

pub(super) fn invalid(says: impl Into<String>) -> Refusal {
    (ErrorCode::INVALID_REQUEST, says.into())
}

/// Whether each setting is named once and has a value; `true` beside a name says that it lacks one.
pub(super) fn check_entries<'a>(entries: impl Iterator<Item = (&'a str, bool)>) -> Result<(), Refusal> {
    let (mut seen, mut nulls) = (BTreeSet::new(), Vec::new());
    for (name, is_null) in entries {
        if seen.len() >= ELEMENTS_MAX {
            return Err(invalid(format!("More than {ELEMENTS_MAX} config keys")));
        }
        if !seen.insert(name) {
            return Err(invalid("Error due to duplicate config keys"));
        }
        if is_null {
            nulls.push(name);
        }
    }
    match nulls.is_empty() {
        true => Ok(()),
        false => Err(invalid(format!("Null value not supported for : {}", listed(nulls.into_iter())))),
    }
}

/// Whether this can be configured at all: topics, groups and the broker can, loggers are set in the configuration file.
pub(super) fn check_resource<'a, I: Iterator<Item = &'a str>>(
    cx: &Cx<'_>,
    (kind, name): (i8, &str),
    settings: impl Fn() -> I,
) -> Result<(), Refusal> {
    let node = |cx| check_node(cx, name).map_err(|(code, says)| (code, says.unwrap_or_default()));
    match kind {
        resource::TOPIC => Ok(()),
        resource::BROKER => {
            if name.is_empty() {
                Ok(())
            } else {
                node(cx)
            }
        }
        resource::BROKER_LOGGER => {
            node(cx)?;
            match settings().next() {
                None => Ok(()),
                Some(logger) => Err((
                    ErrorCode::INVALID_CONFIG,
                    format!("Logger {} does not exist!", listed([logger].into_iter())),
                )),
            }
        }
        resource::CLIENT_METRICS => Err(invalid("Client metrics are not collected")),
        resource::GROUP if name.is_empty() => Err(invalid(NO_DEFAULT_GROUP)),
        resource::GROUP => Ok(()),
        other => Err(invalid(format!("Unknown resource type {other}"))),
    }
}

/// Some of the names, for a sentence.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let shown: Vec<String> = names.take(20).map(|name| name.chars().take(256).collect()).collect();
    shown.join(", ")
}

/// Alters each of the resources that a request names once; what became of each. `resources` gives them with type and name.
pub(super) fn alter_each<'a, R, I: Iterator<Item = ((i8, &'a str), R)>>(
    resources: impl Fn() -> I,
    mut alter: impl FnMut(&R) -> Result<(), Refusal>,
) -> Array<'a, AlterConfigsResourceResponse<'a>> {
    let mut seen = BTreeSet::new();
    let again: BTreeSet<(i8, &str)> =
        resources().map(|(named, _)| named).filter(|&named| !seen.insert(named)).collect();
    resources()
        .map(|(named, resource)| {
            let altered = match again.contains(&named) {
                true => Err(invalid("Each resource must appear at most once.")),
                false => alter(&resource),
            };
            let (error_code, error_message) = match altered {
                Ok(()) => (ErrorCode::NONE, None),
                Err((code, says)) => (code, Some(Text::from(says))),
            };
            AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: named.0,
                resource_name: named.1.into(),
            }
        })
        .collect()
}
