//! `topic`: bindings whose pattern of words matches the routing key. `*` is one word, `#` any number, none included.
//!
//! Patterns form a trie; a key walks all its matching branches at once, word by word, as a set of nodes. Every node has
//! one parent, so no node enters the set twice by its own word; the one exception, `#` nodes, stay in the set once
//! they are in it, which a bit for each tells. So a key of `w` words costs at most `w` times the nodes, whatever the
//! patterns. Runs of `#` are one `#`.

use smallvec::SmallVec;

use super::targets::{Sink, Target, TargetSet};

mod trie;

use trie::{NodeId, ROOT, Trie};

/// The bindings of a topic exchange.
#[derive(Debug, Default)]
pub(super) struct Topic {
    trie: Trie,
    to_exchanges: u32,
}

type Nodes = SmallVec<[NodeId; 32]>;

impl Topic {
    pub(super) fn bind(&mut self, pattern: &[u8], target: Target) {
        self.to_exchanges += u32::from(matches!(target, Target::Exchange(_)));
        let mut node = ROOT;
        for word in pattern_words(pattern) {
            node = self.trie.child_or_insert(node, word);
        }
        self.trie.targets_mut(node).add(target);
    }

    pub(super) fn unbind(&mut self, pattern: &[u8], target: Target) {
        let mut node = ROOT;
        for word in pattern_words(pattern) {
            let Some(child) = self.trie.child(node, word) else { return };
            node = child;
        }
        self.to_exchanges =
            self.to_exchanges.saturating_sub(u32::from(matches!(target, Target::Exchange(_))));
        self.trie.targets_mut(node).remove(target);
        self.trie.prune(node);
    }

    pub(super) fn route(&self, key: &[u8], sink: &mut Sink<'_>) {
        self.walk(key, |targets| sink.extend(targets));
    }

    pub(super) fn has_exchanges(&self) -> bool {
        self.to_exchanges > 0
    }

    /// Shows each matching node's targets; gives back the number of nodes looked at.
    fn walk<'t>(&'t self, key: &[u8], mut found: impl FnMut(&'t TargetSet)) -> usize {
        let mut walk = Walk { trie: &self.trie, hashes: SmallVec::new(), seen: Seen::default(), steps: 0 };
        let mut current = Nodes::new();
        current.push(ROOT);
        walk.open_hashes(&current, &mut found);
        let mut next = Nodes::new();
        for word in words(key) {
            next.clear();
            walk.step(&current, word, &mut next);
            walk.open_hashes(&next, &mut found);
            std::mem::swap(&mut current, &mut next);
            if current.is_empty() && walk.hashes.is_empty() {
                return walk.steps;
            }
        }
        current.iter().filter_map(|node| self.trie.targets(*node)).for_each(found);
        walk.steps
    }
}

/// The state of one key's walk besides the nodes reached by the last word.
struct Walk<'t> {
    trie: &'t Trie,
    /// `#` nodes reached so far that have children: they match every further word and stay.
    hashes: Nodes,
    seen: Seen,
    steps: usize,
}

impl<'t> Walk<'t> {
    /// Adds the nodes one word further.
    fn step(&mut self, current: &Nodes, word: &[u8], next: &mut Nodes) {
        let hash = self.trie.word_hash(word);
        for node in current.iter().chain(&self.hashes) {
            self.steps += 1;
            next.extend(self.trie.literal(*node, word, hash));
            next.extend(self.trie.star(*node));
        }
    }

    /// Enters the `#` below each of these nodes, and the `#` nodes' own matches: they match whatever remains.
    fn open_hashes(&mut self, nodes: &Nodes, found: &mut impl FnMut(&'t TargetSet)) {
        for node in nodes {
            self.steps += 1;
            let Some(hash) = self.trie.hash(*node) else { continue };
            if !self.seen.insert(self.trie.ordinal(hash)) {
                continue;
            }
            if let Some(targets) = self.trie.targets(hash) {
                found(targets);
            }
            if self.trie.has_children(hash) {
                self.hashes.push(hash);
            }
        }
    }
}

/// One bit for each `#` node.
#[derive(Default)]
struct Seen(SmallVec<[u64; 8]>);

impl Seen {
    /// False if it was there.
    fn insert(&mut self, ordinal: u32) -> bool {
        let (word, bit) = (ordinal as usize / 64, 1u64 << (ordinal % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }
}

/// The empty key has no words; otherwise dots separate, and a word may be empty.
fn words(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|byte| *byte == b'.').take(if key.is_empty() { 0 } else { usize::MAX })
}

/// The words of a pattern, with runs of `#` made one.
fn pattern_words(pattern: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut after_hash = false;
    words(pattern).filter(move |word| {
        let repeated = after_hash && *word == b"#";
        after_hash = *word == b"#";
        !repeated
    })
}

#[cfg(test)]
mod tests;
