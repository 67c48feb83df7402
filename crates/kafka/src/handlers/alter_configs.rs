//! `AlterConfigs`: all settings of a topic at once; what is not named goes back to its default.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_broker::{Error, ErrorKind};
use anymq_catalog::topic_config::{self, ConfigError};
use anymq_types::Position;

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

/// A topic's settings, by name.
pub(super) type Config = BTreeMap<Arc<str>, Arc<str>>;

/// Why nothing is changed: the code and the sentence.
pub(super) type Refusal = (ErrorCode, String);

pub(super) fn alter_configs(cx: &mut Cx<'_>, request: AlterConfigsRequest<'_>) -> Reply {
    if request.resources.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let named = request.resources.iter().map(|resource| (resource.resource_type, resource.resource_name));
    let again = named_twice(named);
    let mut commit = None;
    let responses = respond(request.resources.iter().map(|resource| {
        let named = (resource.resource_type, resource.resource_name);
        let altered = match again.contains(&named) {
            true => Err(invalid("Each resource must appear at most once.")),
            false => alter(cx, &resource, request.validate_only, &mut commit),
        };
        (named, altered)
    }));
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
    topic_config::validate(&config).map_err(refused)?;
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

/// Resources that a request names more than once.
pub(super) fn named_twice<'a>(named: impl Iterator<Item = (i8, &'a str)>) -> BTreeSet<(i8, &'a str)> {
    let mut seen = BTreeSet::new();
    named.filter(|&one| !seen.insert(one)).collect()
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

/// Whether this can be configured at all: topics and groups can; the rest is set in the configuration file.
pub(super) fn check_resource<'a, I: Iterator<Item = &'a str>>(
    cx: &Cx<'_>,
    (kind, name): (i8, &str),
    settings: impl Fn() -> I,
) -> Result<(), Refusal> {
    let node = |cx| check_node(cx, name).map_err(|(code, says)| (code, says.unwrap_or_default()));
    match kind {
        resource::TOPIC => Ok(()),
        resource::BROKER => {
            if !name.is_empty() {
                node(cx)?;
            }
            match settings().next() {
                None => Ok(()),
                Some(_) => {
                    let says =
                        format!("Cannot update these configs dynamically: Set({})", listed(settings()));
                    Err(invalid(says))
                }
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

/// What became of each resource.
pub(super) fn respond<'a>(
    altered: impl Iterator<Item = ((i8, &'a str), Result<(), Refusal>)>,
) -> Array<'a, AlterConfigsResourceResponse<'a>> {
    altered
        .map(|((resource_type, name), altered)| {
            let (error_code, error_message) = match altered {
                Ok(()) => (ErrorCode::NONE, None),
                Err((code, says)) => (code, Some(Text::from(says))),
            };
            AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type,
                resource_name: name.into(),
            }
        })
        .collect()
}
