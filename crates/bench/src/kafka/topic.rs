//! The topic under load, and which server leads which of its partitions.

use anymq_kafka::wire::Uuid;

/// A server of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A topic as `Metadata` tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// For requests that name topics by id.
    pub(crate) id: Uuid,
    pub(crate) nodes: Vec<Node>,
    /// The leader of each partition.
    pub(crate) leaders: Vec<i32>,
}

impl Topic {
    /// Whether every partition has a leader that is known.
    pub(crate) fn has_leaders(&self) -> bool {
        !self.leaders.is_empty()
            && self.leaders.iter().all(|leader| self.nodes.iter().any(|node| node.id == *leader))
    }

    /// `partitions` by the server that leads them.
    pub(crate) fn by_leader(&self, partitions: &[u32]) -> Vec<(&Node, Vec<i32>)> {
        let led = |node: &Node| -> Vec<i32> {
            let led = |partition: &&u32| self.leaders.get(**partition as usize) == Some(&node.id);
            partitions.iter().filter(led).map(|partition| *partition as i32).collect()
        };
        self.nodes.iter().map(|node| (node, led(node))).filter(|(_, led)| !led.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_go_to_their_leaders() {
        let node = |id| Node { id, host: "h".to_owned(), port: 1 };
        let mut topic = Topic {
            name: "t".to_owned(),
            id: Uuid::NONE,
            nodes: vec![node(1), node(2), node(3)],
            leaders: vec![1, 2, 1, 2],
        };
        assert!(topic.has_leaders());
        let led = |partitions: &[u32]| -> Vec<(i32, Vec<i32>)> {
            topic.by_leader(partitions).into_iter().map(|(node, led)| (node.id, led)).collect()
        };
        assert_eq!(led(&[0, 1, 2, 3]), [(1, vec![0, 2]), (2, vec![1, 3])]);
        assert_eq!(led(&[3]), [(2, vec![3])]);
        topic.leaders[3] = -1;
        assert!(!topic.has_leaders());
    }
}
