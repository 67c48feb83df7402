//! `ListConfigResources`: what can be asked of `DescribeConfigs`.

use crate::configs::resource;
use crate::session::{Cx, Reply};
use crate::wire::messages::configs::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use crate::wire::{ErrorCode, Text};

/// First version that asks for other things than client metrics.
const TYPES_FROM: i16 = 1;

pub(super) fn list_config_resources(cx: &mut Cx<'_>, request: ListConfigResourcesRequest<'_>) -> Reply {
    let asked = |kind| request.resource_types.is_empty() || request.resource_types.iter().any(|t| t == kind);
    if request.resource_types.iter().any(|kind| !resource::ALL.contains(&kind)) {
        let error_code = ErrorCode::UNSUPPORTED_VERSION;
        return cx.reply(&ListConfigResourcesResponse { error_code, ..Default::default() });
    }
    let mut config_resources = Vec::new();
    if cx.version() >= TYPES_FROM {
        let mut list = |resource_type, names: Vec<String>| {
            let names = names.into_iter().filter(|_| asked(resource_type)).map(Text::from);
            config_resources
                .extend(names.map(|resource_name| ConfigResource { resource_name, resource_type }));
        };
        let nodes: Vec<String> = cx.nodes().iter().map(|node| node.id.to_string()).collect();
        list(resource::TOPIC, cx.hall.topic_names().iter().map(|name| name.to_string()).collect());
        list(resource::BROKER, nodes.clone());
        list(resource::BROKER_LOGGER, nodes);
        list(resource::GROUP, cx.hall.configured_groups().iter().map(|name| name.to_string()).collect());
    }
    cx.reply(&ListConfigResourcesResponse { config_resources: config_resources.into(), ..Default::default() })
}
