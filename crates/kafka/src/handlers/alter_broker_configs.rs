//! Settings of the broker that are defaults of topics, as both operations on settings change them: see
//! [`anymq_catalog::topic_config::BrokerSettings`] for whose they are.

use anymq_broker::{Error, ErrorKind};
use anymq_catalog::topic_config::{Config, Layer, find_of_broker};
use anymq_types::Position;

use super::alter_configs::{Refusal, check_entries};
use crate::session::Cx;
use crate::wire::ErrorCode;

/// Whose settings a resource of this name has.
pub(super) fn layer(name: &str) -> Layer {
    if name.is_empty() { Layer::Every } else { Layer::Node }
}

/// Gives a layer of the broker's settings those that `alter` makes of the ones it has; `named` are the settings it is about.
pub(super) fn alter_broker<'a>(
    cx: &Cx<'_>,
    name: &str,
    validate_only: bool,
    commit: &mut Option<Position>,
    named: impl Iterator<Item = &'a str>,
    alter: impl FnOnce(&Config) -> Result<Config, Refusal>,
) -> Result<(), Refusal> {
    // Once by the broker's name and once by the topic's is twice.
    check_entries(named.map(|name| (own_name(name), false)))?;
    let mut refusal = None;
    let done = cx.hall.alter_broker_settings(layer(name), validate_only, |now| {
        alter(now).map_err(|(code, says)| {
            refusal = Some((code, says.clone()));
            Error::invalid(says)
        })
    });
    let done = done.map_err(|error| refusal.unwrap_or_else(|| broker_says(error)))?;
    *commit = (*commit).max(done.commit);
    Ok(())
}

/// The broker's name for a setting; what cannot be set keeps its own.
pub(super) fn own_name(name: &str) -> &str {
    find_of_broker(name).map_or(name, |(_, own)| own)
}

fn broker_says(error: Error) -> Refusal {
    let code = match error.kind {
        ErrorKind::NotAllowed | ErrorKind::Forbidden => ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        // Kafka looks at these before its controller does, and calls them otherwise than a topic's.
        _ => ErrorCode::INVALID_REQUEST,
    };
    (code, error.text)
}
