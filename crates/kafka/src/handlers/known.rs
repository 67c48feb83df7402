//! How many partitions topics have, each looked up once a request.

use std::collections::BTreeMap;

use crate::session::Cx;

/// Topics that a request has named.
#[derive(Default)]
pub(super) struct Known<'a>(BTreeMap<&'a str, Option<usize>>);

impl<'a> Known<'a> {
    /// Partitions of a topic; `None` if there is none that the user may see.
    pub(super) fn partitions(&mut self, cx: &Cx<'_>, name: &'a str) -> Option<usize> {
        *self.0.entry(name).or_insert_with(|| cx.hall.topic(name).ok().map(|topic| topic.partitions.len()))
    }
}
