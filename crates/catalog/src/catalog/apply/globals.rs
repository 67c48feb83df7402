//! Parameters of no vhost.

use std::sync::Arc;

use super::{Applied, Catalog};
use crate::model::GlobalParameter;
use crate::topic_config::{BrokerSettings, PARAMETER};

impl Catalog {
    /// What clients have set for the broker. What its parameter holds besides is left out.
    pub fn broker_settings(&self) -> &Arc<BrokerSettings> {
        &self.broker_settings
    }

    pub(super) fn global_parameter_put(&mut self, parameter: GlobalParameter) -> Applied {
        if &*parameter.name == PARAMETER {
            self.broker_settings = Arc::new(BrokerSettings::read(&parameter.value).0);
        }
        let old = self.global_parameters.insert(parameter.name.clone(), parameter.clone());
        Applied::changed(old.as_ref() != Some(&parameter))
    }

    pub(super) fn global_parameter_delete(&mut self, name: &str) -> Applied {
        if name == PARAMETER {
            self.broker_settings = Arc::default();
        }
        Applied::changed(self.global_parameters.remove(name).is_some())
    }
}
