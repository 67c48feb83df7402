//! Bindings of one vhost, in the order of their source and in the order of their destination.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::args::Args;
use crate::model::{Binding, Destination, RoutingKey};

/// Two sets over the same bindings: two pointers for each besides the binding itself.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    by_source: BTreeSet<BySource>,
    by_destination: BTreeSet<ByDestination>,
}

#[derive(Debug)]
struct BySource(Arc<Binding>);

#[derive(Debug)]
struct ByDestination(Arc<Binding>);

impl Bindings {
    /// False if it was there.
    pub(super) fn insert(&mut self, binding: Arc<Binding>) -> bool {
        self.by_destination.insert(ByDestination(binding.clone())) && self.by_source.insert(BySource(binding))
    }

    /// False if it was not there.
    pub(super) fn remove(&mut self, binding: &Binding) -> bool {
        let probe = BySource(Arc::new(binding.clone()));
        let Some(BySource(found)) = self.by_source.take(&probe) else { return false };
        self.by_destination.remove(&ByDestination(found))
    }

    pub(super) fn contains(&self, binding: &Binding) -> bool {
        self.by_source.contains(&BySource(Arc::new(binding.clone())))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Binding>> {
        self.by_source.iter().map(|entry| &entry.0)
    }

    pub(super) fn from(&self, source: Arc<str>) -> impl Iterator<Item = &Arc<Binding>> {
        let first = BySource(Arc::new(lowest(source.clone(), Destination::Queue("".into()))));
        self.by_source
            .range(first..)
            .map(|entry| &entry.0)
            .take_while(move |binding| binding.source == source)
    }

    pub(super) fn to(&self, destination: Destination) -> impl Iterator<Item = &Arc<Binding>> {
        let first = ByDestination(Arc::new(lowest("".into(), destination.clone())));
        let rest = self.by_destination.range(first..).map(|entry| &entry.0);
        rest.take_while(move |binding| binding.destination == destination)
    }
}

/// Not greater than any binding of that source, or of that destination.
fn lowest(source: Arc<str>, destination: Destination) -> Binding {
    let vhost = anymq_types::VhostId(0);
    Binding { vhost, source, destination, routing_key: RoutingKey::default(), args: Args::EMPTY }
}

fn compare_rest(a: &Binding, b: &Binding) -> Ordering {
    let args = || {
        if a.args == b.args { Ordering::Equal } else { a.args.fingerprint().cmp(&b.args.fingerprint()) }
    };
    a.routing_key.cmp(&b.routing_key).then_with(args)
}

impl Ord for BySource {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b): (&Binding, &Binding) = (self.0.borrow(), other.0.borrow());
        a.source
            .cmp(&b.source)
            .then_with(|| a.destination.cmp(&b.destination))
            .then_with(|| compare_rest(a, b))
    }
}

impl Ord for ByDestination {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b): (&Binding, &Binding) = (self.0.borrow(), other.0.borrow());
        a.destination
            .cmp(&b.destination)
            .then_with(|| a.source.cmp(&b.source))
            .then_with(|| compare_rest(a, b))
    }
}

macro_rules! eq_by_ord {
    ($name:ty) => {
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other) == Ordering::Equal
            }
        }

        impl Eq for $name {}
    };
}

eq_by_ord!(BySource);
eq_by_ord!(ByDestination);
