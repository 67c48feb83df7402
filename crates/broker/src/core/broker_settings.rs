//! Defaults that clients set for all topics, and what a topic's settings come to over them.

use std::sync::Arc;

use anymq_auth::acl::Operation;
use anymq_catalog::topic_config::{BrokerSettings, Config, Layer, PARAMETER, TopicSettings};
use anymq_catalog::{Change, GlobalParameter, Topic};
use anymq_types::ConnectionId;

use super::Core;
use super::fx::Fx;
use crate::error::{Error, Result};

impl Core {
    /// Gives a layer of the broker's settings those that `alter` makes of the ones it has.
    pub(crate) fn alter_broker_settings(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        layer: Layer,
        validate_only: bool,
        alter: impl FnOnce(&Config) -> Result<Config>,
    ) -> Result<()> {
        self.must_cluster(session, Operation::AlterConfigs)?;
        let before = self.catalog.broker_settings();
        let config = alter(before.of(layer))?;
        let after = before.with(layer, &config).map_err(|e| Error::invalid(e.to_string()))?;
        if validate_only || after == **before {
            return Ok(());
        }
        let name: Arc<str> = PARAMETER.into();
        let change = match after.to_json() {
            Some(value) => Change::GlobalParameterPut(GlobalParameter { name, value }),
            None => Change::GlobalParameterDelete { name },
        };
        self.change(fx, change)
    }

    /// What follows from a change of a global parameter.
    pub(super) fn global_changed(&mut self, mut fx: Option<&mut Fx<'_>>, name: &str) {
        if name != PARAMETER {
            return;
        }
        let vhosts = self.catalog.vhosts().map(|vhost| vhost.id);
        let topics: Vec<Arc<Topic>> = vhosts.flat_map(|id| self.catalog.topics(id)).cloned().collect();
        for topic in topics {
            self.topic_put(fx.as_deref_mut(), &topic);
        }
    }

    /// What a topic's settings come to. They were checked when they were set; what an older version took and this one does not is
    /// as if it were not set.
    pub(crate) fn topic_settings(&self, config: &Config) -> Arc<TopicSettings> {
        let broker: &BrokerSettings = self.catalog.broker_settings();
        Arc::new(TopicSettings::resolve(config, broker).unwrap_or_else(|error| {
            tracing::error!(%error, "a topic's settings are left out");
            TopicSettings::default()
        }))
    }
}
