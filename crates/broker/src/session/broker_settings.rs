//! Settings of the broker that clients change.

use std::sync::Arc;

use anymq_catalog::topic_config::{BrokerSettings, Config, Layer};

use super::Session;
use crate::api::Done;
use crate::error::Result;

impl Session {
    /// What clients have set for the broker: topics that set nothing follow it.
    pub fn broker_settings(&self) -> Arc<BrokerSettings> {
        self.with(|core, _| core.catalog.broker_settings().clone()).0
    }

    /// Gives a layer of the broker's settings those that `alter` makes of the ones it has; nobody changes them in between. Every topic
    /// follows them at once.
    ///
    /// # Errors
    /// Those of `alter`; [`crate::ErrorKind::NotAllowed`]; [`crate::ErrorKind::Invalid`] for a setting.
    pub fn alter_broker_settings(
        &self,
        layer: Layer,
        validate_only: bool,
        alter: impl FnOnce(&Config) -> Result<Config>,
    ) -> Result<Done<()>> {
        self.durable(|core, fx| core.alter_broker_settings(fx, self.id, layer, validate_only, alter))
    }
}
