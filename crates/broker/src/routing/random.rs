//! `x-random` and `x-local-random`: one binding, at random.

use super::targets::{Sink, Target, TargetSet};

/// Chooses by the seed that comes with the message.
#[derive(Debug, Default)]
pub(super) struct Random(TargetSet);

impl Random {
    pub(super) fn bind(&mut self, target: Target) {
        self.0.add(target);
    }

    pub(super) fn unbind(&mut self, target: Target) {
        self.0.remove(target);
    }

    pub(super) fn route(&self, seed: u64, sink: &mut Sink<'_>) {
        // The high bits of a product: even, and without a division.
        let place = (u128::from(seed) * self.0.len() as u128) >> 64;
        if let Some(target) = self.0.at(place as usize) {
            sink.push(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use anymq_types::QueueId;

    use super::*;
    use crate::routing::Targets;

    #[test]
    fn spreads_over_all_and_takes_one_each_time() {
        let mut random = Random::default();
        (0..10).for_each(|id| random.bind(Target::Queue(QueueId(id))));
        let mut counts = [0; 10];
        for n in 0..10_000u64 {
            let mut targets = Targets::new();
            random.route(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), &mut Sink::new(&mut targets));
            let [QueueId(id)] = targets.as_slice() else { panic!("{targets:?}") };
            counts[*id as usize] += 1;
        }
        assert!(counts.iter().all(|n| (900..1100).contains(n)), "{counts:?}");
    }

    #[test]
    fn nothing_bound_nothing_chosen() {
        let mut targets = Targets::new();
        Random::default().route(u64::MAX, &mut Sink::new(&mut targets));
        assert!(targets.as_slice().is_empty());
    }
}
