//! `direct`: bindings whose key is the routing key.

use anymq_catalog::{Binding, RoutingKey};

use super::FastMap;
use super::targets::{Sink, Target, TargetSet};

/// One look-up per key.
#[derive(Debug, Default)]
pub(super) struct Direct {
    keys: FastMap<RoutingKey, TargetSet>,
    to_exchanges: u32,
}

impl Direct {
    pub(super) fn bind(&mut self, binding: &Binding, target: Target) {
        self.to_exchanges += u32::from(matches!(target, Target::Exchange(_)));
        self.keys.entry(binding.routing_key.clone()).or_default().add(target);
    }

    pub(super) fn unbind(&mut self, binding: &Binding, target: Target) {
        let Some(set) = self.keys.get_mut(binding.routing_key.as_bytes()) else { return };
        self.to_exchanges =
            self.to_exchanges.saturating_sub(u32::from(matches!(target, Target::Exchange(_))));
        set.remove(target);
        if set.is_empty() {
            self.keys.remove(binding.routing_key.as_bytes());
        }
    }

    pub(super) fn route(&self, key: &[u8], sink: &mut Sink<'_>) {
        if let Some(set) = self.keys.get(key) {
            sink.extend(set);
        }
    }

    pub(super) fn has_exchanges(&self) -> bool {
        self.to_exchanges > 0
    }
}
