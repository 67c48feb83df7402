//! Which topics there are and how many partitions they have, each looked up once a request.

use std::collections::BTreeMap;

use anymq_broker::topics::TopicId;

use crate::session::Cx;

/// Topics that a request has named.
#[derive(Default)]
pub(super) struct Known<'a>(BTreeMap<&'a str, Option<(TopicId, usize)>>);

impl<'a> Known<'a> {
    /// Partitions of a topic; `None` if there is none that the user may see.
    pub(super) fn partitions(&mut self, cx: &Cx<'_>, name: &'a str) -> Option<usize> {
        self.topic(cx, name).map(|(_, partitions)| partitions)
    }

    /// Its identity and its partitions.
    pub(super) fn topic(&mut self, cx: &Cx<'_>, name: &'a str) -> Option<(TopicId, usize)> {
        let look = || cx.hall.topic(name).ok().map(|topic| (topic.id, topic.partitions.len()));
        *self.0.entry(name).or_insert_with(look)
    }
}
