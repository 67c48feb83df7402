//! The trie under a topic exchange: nodes in a slab, children found through one hash table of all edges.
//!
//! A node takes 48 bytes and its word's bytes, an edge about 8: a table per node would cost several times that, and a
//! list per node would make wide nodes slow.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::routing::targets::TargetSet;

/// Place of a node in the slab.
pub(super) type NodeId = u32;

/// The node of the empty pattern; always there.
pub(super) const ROOT: NodeId = 0;
const NONE: u32 = u32::MAX;

/// A trie of words.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    /// Nodes below a literal word, by parent and word.
    edges: HashTable<NodeId>,
    /// Targets of nodes that end a pattern.
    targets: Vec<TargetSet>,
    targets_free: Vec<u32>,
    /// Next number of a `#` node, and numbers given back.
    ordinals: u32,
    ordinals_free: Vec<u32>,
    hasher: FixedState,
}

#[derive(Debug)]
struct Node {
    parent: NodeId,
    /// How the parent leads here.
    edge: Edge,
    /// Children in all.
    children: u32,
    star: NodeId,
    hash: NodeId,
    targets: u32,
}

const _: () = assert!(size_of::<Node>() == 48);

#[derive(Debug)]
enum Edge {
    Literal(Box<[u8]>),
    Star,
    /// With the node's ordinal.
    Hash(u32),
}

impl Default for Trie {
    fn default() -> Self {
        Trie {
            nodes: vec![Node::new(NONE, Edge::Star)],
            free: Vec::new(),
            edges: HashTable::new(),
            targets: Vec::new(),
            targets_free: Vec::new(),
            ordinals: 0,
            ordinals_free: Vec::new(),
            hasher: FixedState::default(),
        }
    }
}

impl Node {
    fn new(parent: NodeId, edge: Edge) -> Self {
        Node { parent, edge, children: 0, star: NONE, hash: NONE, targets: NONE }
    }
}

/// Reading.
impl Trie {
    /// Hash of a word, to be asked with at several nodes.
    pub(super) fn word_hash(&self, word: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(word);
        hasher.finish()
    }

    /// The child below that very word.
    pub(super) fn literal(&self, node: NodeId, word: &[u8], word_hash: u64) -> Option<NodeId> {
        let found = self.edges.find(edge_hash(node, word_hash), |child| {
            let child = &self.nodes[*child as usize];
            child.parent == node && matches!(&child.edge, Edge::Literal(w) if **w == *word)
        });
        found.copied()
    }

    /// The child below `*`.
    pub(super) fn star(&self, node: NodeId) -> Option<NodeId> {
        some(self.nodes[node as usize].star)
    }

    /// The child below `#`.
    pub(super) fn hash(&self, node: NodeId) -> Option<NodeId> {
        some(self.nodes[node as usize].hash)
    }

    /// Number of a `#` node, small and unique among those there are.
    pub(super) fn ordinal(&self, node: NodeId) -> u32 {
        match self.nodes[node as usize].edge {
            Edge::Hash(ordinal) => ordinal,
            Edge::Literal(_) | Edge::Star => unreachable!("asked of nodes below # only"),
        }
    }

    pub(super) fn has_children(&self, node: NodeId) -> bool {
        self.nodes[node as usize].children > 0
    }

    /// Targets of a node that ends a pattern.
    pub(super) fn targets(&self, node: NodeId) -> Option<&TargetSet> {
        some(self.nodes[node as usize].targets).map(|at| &self.targets[at as usize])
    }

    /// The child by a word of a pattern.
    pub(super) fn child(&self, node: NodeId, word: &[u8]) -> Option<NodeId> {
        match word {
            b"*" => self.star(node),
            b"#" => self.hash(node),
            word => self.literal(node, word, self.word_hash(word)),
        }
    }

    /// Number of nodes.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Bytes on the heap, as far as they are its own.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let words = self.nodes.iter().map(|node| match &node.edge {
            // The least an allocator hands out.
            Edge::Literal(word) => word.len().max(24) + 8,
            Edge::Star | Edge::Hash(_) => 0,
        });
        words.sum::<usize>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.edges.capacity() * (size_of::<NodeId>() + 1)
            + self.targets.capacity() * size_of::<TargetSet>()
    }
}

/// Writing.
impl Trie {
    pub(super) fn child_or_insert(&mut self, parent: NodeId, word: &[u8]) -> NodeId {
        if let Some(child) = self.child(parent, word) {
            return child;
        }
        let edge = match word {
            b"*" => Edge::Star,
            b"#" => Edge::Hash(self.next_ordinal()),
            word => Edge::Literal(word.into()),
        };
        let child = self.place(Node::new(parent, edge));
        let node = &mut self.nodes[parent as usize];
        node.children += 1;
        match word {
            b"*" => node.star = child,
            b"#" => node.hash = child,
            word => {
                let (nodes, hasher) = (&self.nodes, &self.hasher);
                let hash = edge_hash(parent, self.word_hash(word));
                self.edges.insert_unique(hash, child, |child| rehash(&nodes[*child as usize], hasher));
            }
        }
        child
    }

    /// Targets of a node, made if there are none; give an empty set back by [`Trie::prune`].
    pub(super) fn targets_mut(&mut self, node: NodeId) -> &mut TargetSet {
        if self.nodes[node as usize].targets == NONE {
            let at = self.targets_free.pop().unwrap_or_else(|| {
                self.targets.push(TargetSet::default());
                self.targets.len() as u32 - 1
            });
            self.nodes[node as usize].targets = at;
        }
        &mut self.targets[self.nodes[node as usize].targets as usize]
    }

    /// Removes the node and its parents as far as they lead nowhere.
    pub(super) fn prune(&mut self, mut node: NodeId) {
        loop {
            let at = self.nodes[node as usize].targets;
            if at != NONE && self.targets[at as usize].is_empty() {
                self.targets[at as usize] = TargetSet::default();
                self.targets_free.push(at);
                self.nodes[node as usize].targets = NONE;
            }
            let Node { parent, children, targets, .. } = self.nodes[node as usize];
            if node == ROOT || children > 0 || targets != NONE {
                return;
            }
            self.unlink(node, parent);
            node = parent;
        }
    }

    fn unlink(&mut self, node: NodeId, parent: NodeId) {
        let edge = std::mem::replace(&mut self.nodes[node as usize].edge, Edge::Star);
        match edge {
            Edge::Star => self.nodes[parent as usize].star = NONE,
            Edge::Hash(ordinal) => {
                self.nodes[parent as usize].hash = NONE;
                self.ordinals_free.push(ordinal);
            }
            Edge::Literal(word) => {
                let hash = edge_hash(parent, self.word_hash(&word));
                if let Ok(entry) = self.edges.find_entry(hash, |child| *child == node) {
                    entry.remove();
                }
            }
        }
        self.nodes[parent as usize].children -= 1;
        self.free.push(node);
    }

    fn place(&mut self, node: Node) -> NodeId {
        match self.free.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).expect("memory ends long before 4 billion nodes")
            }
        }
    }

    fn next_ordinal(&mut self) -> u32 {
        self.ordinals_free.pop().unwrap_or_else(|| {
            self.ordinals += 1;
            self.ordinals - 1
        })
    }
}

fn some(id: u32) -> Option<u32> {
    (id != NONE).then_some(id)
}

fn edge_hash(parent: NodeId, word_hash: u64) -> u64 {
    (word_hash ^ u64::from(parent)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn rehash(node: &Node, hasher: &FixedState) -> u64 {
    let Edge::Literal(word) = &node.edge else { unreachable!("edges hold literals only") };
    let mut state = hasher.build_hasher();
    state.write(word);
    edge_hash(node.parent, state.finish())
}
