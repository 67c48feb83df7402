//! `DescribeConfigs`: the settings of topics and groups, and the broker's.

use std::collections::BTreeSet;

use anymq_broker::ErrorKind;
use anymq_broker::acl::{Operation, ResourceKind};

use super::alter_group_configs::group_says;
use super::limits::ELEMENTS_MAX;
use crate::configs::{
    Setting, broker_defaults, broker_settings, group_settings, resource, topic_settings, type_id,
};
use crate::errors::topic_error;
use crate::names;
use crate::session::{Cx, Reply};
use crate::wire::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::wire::{ErrorCode, Text};

/// Most settings that one answer tells: those of 10 000 topics and more.
const SETTINGS_MAX: usize = 400_000;

/// Groups have their settings each for itself.
pub(super) const NO_DEFAULT_GROUP: &str = "Default group resources are not allowed.";

/// Why nothing is told: the code and the sentence, if there is more to say than the code does.
type Refusal = (ErrorCode, Option<String>);

pub(super) fn describe_configs(cx: &mut Cx<'_>, request: DescribeConfigsRequest<'_>) -> Reply {
    if request.resources.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut left = SETTINGS_MAX;
    let mut results = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let (error_code, error_message, settings) = match settings_of(cx, &resource, left) {
            Ok(settings) => (ErrorCode::NONE, None, settings),
            Err((code, says)) => (code, says.map(Text::from), Vec::new()),
        };
        left = left.saturating_sub(settings.len());
        let settings = settings.into_iter();
        let (synonyms, docs) = (request.include_synonyms, request.include_documentation);
        results.push(DescribeConfigsResult {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.into(),
            configs: settings.map(|setting| told(setting, synonyms, docs)).collect(),
        });
    }
    cx.reply(&DescribeConfigsResponse { results: results.into(), ..Default::default() })
}

fn settings_of(
    cx: &Cx<'_>,
    resource: &DescribeConfigsResource<'_>,
    left: usize,
) -> Result<Vec<Setting>, Refusal> {
    let too_many = || {
        let says = format!("The answer would tell more than {SETTINGS_MAX} settings: ask for fewer at once.");
        (ErrorCode::POLICY_VIOLATION, Some(says))
    };
    if left == 0 {
        return Err(too_many());
    }
    let settings = match resource.resource_type {
        resource::TOPIC => of_topic(cx, resource.resource_name)?,
        resource::BROKER => of_broker(cx, resource.resource_name)?,
        resource::GROUP => of_group(cx, resource.resource_name)?,
        resource::BROKER_LOGGER => {
            check_node(cx, resource.resource_name)?;
            // The log's levels are set in the configuration file, all together.
            Vec::new()
        }
        other => return invalid(format!("Unsupported resource type: {other}")),
    };
    let wanted = wanted(resource);
    let settings: Vec<Setting> =
        settings.into_iter().filter(|s| wanted.as_ref().is_none_or(|w| w.contains(s.name))).collect();
    if settings.len() > left { Err(too_many()) } else { Ok(settings) }
}

/// Names of the settings that are asked for; `None`: all. Those that cannot be a setting's are not kept.
fn wanted<'a>(resource: &DescribeConfigsResource<'a>) -> Option<BTreeSet<&'a str>> {
    const NAME_BYTES_MAX: usize = 64;
    let keys = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty())?;
    Some(keys.iter().filter(|name| name.len() <= NAME_BYTES_MAX).take(ELEMENTS_MAX).collect())
}

fn of_topic(cx: &Cx<'_>, name: &str) -> Result<Vec<Setting>, Refusal> {
    if let Some(fault) = names::fault(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, Some(fault)));
    }
    if !cx.hall.may(ResourceKind::Topic, name, Operation::DescribeConfigs) {
        return Err((ErrorCode::TOPIC_AUTHORIZATION_FAILED, None));
    }
    match cx.hall.topic(name) {
        Ok(topic) => Ok(topic_settings(&topic, &cx.hall.broker_settings()).collect()),
        Err(error) if error.kind == ErrorKind::NotFound => Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None)),
        Err(error) => Err((topic_error(error.kind), Some(error.text))),
    }
}

fn of_group(cx: &Cx<'_>, name: &str) -> Result<Vec<Setting>, Refusal> {
    if name.is_empty() {
        return invalid(NO_DEFAULT_GROUP.into());
    }
    let set = cx.hall.group_config(name).map_err(|error| {
        let (code, says) = group_says(error);
        (code, Some(says))
    })?;
    Ok(group_settings(cx.hall.group_keys(), &set))
}

fn of_broker(cx: &Cx<'_>, name: &str) -> Result<Vec<Setting>, Refusal> {
    if !cx.may_cluster(Operation::DescribeConfigs) {
        return Err((ErrorCode::CLUSTER_AUTHORIZATION_FAILED, None));
    }
    if name.is_empty() {
        return Ok(broker_defaults(&cx.hall.broker_settings()));
    }
    check_node(cx, name)?;
    Ok(broker_settings(cx))
}

/// Whether this is a node's id.
pub(super) fn check_node(cx: &Cx<'_>, name: &str) -> Result<(), Refusal> {
    let Ok(id) = name.parse::<i32>() else {
        // What a client sent is not sent back without a bound.
        let shown: String = name.chars().take(64).collect();
        return invalid(format!("Broker id must be an integer, but it is: {shown}"));
    };
    if cx.nodes().iter().any(|node| node.id == id) {
        return Ok(());
    }
    invalid(format!("Unexpected broker id, expected {}, but received {id}", cx.node_id()))
}

fn invalid<T>(says: String) -> Result<T, Refusal> {
    Err((ErrorCode::INVALID_REQUEST, Some(says)))
}

fn told(setting: Setting, synonyms: bool, docs: bool) -> DescribeConfigsResourceResult<'static> {
    let places = setting.synonyms.into_iter().filter(|_| synonyms);
    DescribeConfigsResourceResult {
        name: setting.name.into(),
        value: setting.value,
        read_only: setting.read_only,
        config_source: setting.source.id(),
        is_sensitive: false,
        synonyms: places
            .map(|place| DescribeConfigsSynonym {
                name: place.name.into(),
                value: Some(place.value),
                source: place.source.id(),
            })
            .collect(),
        config_type: type_id(setting.kind),
        documentation: docs.then_some(setting.doc.into()),
    }
}
