//! `fanout`: all bindings.

use super::targets::{Sink, Target, TargetSet};

/// Each destination once, whatever the keys.
#[derive(Debug, Default)]
pub(super) struct Fanout(TargetSet);

impl Fanout {
    pub(super) fn bind(&mut self, target: Target) {
        self.0.add(target);
    }

    pub(super) fn unbind(&mut self, target: Target) {
        self.0.remove(target);
    }

    pub(super) fn route(&self, sink: &mut Sink<'_>) {
        sink.extend(&self.0);
    }

    pub(super) fn has_exchanges(&self) -> bool {
        self.0.has_exchanges()
    }
}
