//! A slab whose keys are never mistaken for those of an earlier tenant.

/// Entries by a 64-bit key: slot in the low half, generation in the high half.
pub(crate) struct Slab<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { slots: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    /// Keeps `value`; its key.
    pub(crate) fn insert(&mut self, value: T) -> u64 {
        self.len += 1;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push((1, None));
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 entries at once")
            }
        };
        let entry = &mut self.slots[slot as usize];
        entry.1 = Some(value);
        (entry.0 as u64) << 32 | slot as u64
    }

    fn slot(&self, key: u64) -> Option<usize> {
        let slot = key as u32 as usize;
        (self.slots.get(slot)?.0 == (key >> 32) as u32).then_some(slot)
    }

    pub(crate) fn get(&self, key: u64) -> Option<&T> {
        self.slots[self.slot(key)?].1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let slot = self.slot(key)?;
        self.slots[slot].1.as_mut()
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<T> {
        let slot = self.slot(key)?;
        let value = self.slots[slot].1.take()?;
        self.slots[slot].0 = self.slots[slot].0.wrapping_add(1).max(1);
        self.free.push(slot as u32);
        self.len -= 1;
        Some(value)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.iter().enumerate().filter_map(|(slot, (generation, value))| {
            Some(((*generation as u64) << 32 | slot as u64, value.as_ref()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_an_earlier_tenant_finds_nothing() {
        let mut slab = Slab::default();
        let a = slab.insert("a");
        assert_eq!(slab.remove(a), Some("a"));
        let b = slab.insert("b");
        assert_eq!(a as u32, b as u32, "the slot is used again");
        assert_eq!((slab.get(a), slab.get(b), slab.len()), (None, Some(&"b"), 1));
        assert_eq!(slab.remove(a), None);
    }
}
