//! User tags: what a user may do besides messaging. Unknown tags are kept; they mean nothing here.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most tags one user may carry.
const TAGS_MAX: usize = 64;

/// A user's tags, in the order they were given, without duplicates.
///
/// Read from a list (4.x definitions) or from one comma-separated string (3.x definitions); written as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Option<Arc<[Arc<str>]>>);

impl Tags {
    /// Collects tags; spaces around them and empty ones are dropped, as is what exceeds 64.
    pub fn new<'a>(tags: impl IntoIterator<Item = &'a str>) -> Self {
        let mut out: Vec<Arc<str>> = Vec::new();
        for tag in tags {
            let tag = tag.trim();
            if !tag.is_empty() && out.len() < TAGS_MAX && !out.iter().any(|t| &**t == tag) {
                out.push(tag.into());
            }
        }
        Tags((!out.is_empty()).then(|| out.into()))
    }

    /// Reads the comma-separated form.
    pub fn parse(text: &str) -> Self {
        Self::new(text.split(','))
    }

    /// The tags, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|tags| tags.iter()).map(|tag| &**tag)
    }

    /// True if the user carries the tag.
    pub fn has(&self, tag: &str) -> bool {
        self.iter().any(|t| t == tag)
    }

    /// May do everything an operator does.
    pub fn is_administrator(&self) -> bool {
        self.has("administrator")
    }

    /// May see every connection, channel and node figure.
    pub fn may_monitor(&self) -> bool {
        self.has("monitoring") || self.is_administrator()
    }

    /// May set policies and parameters in the vhosts it has access to.
    pub fn may_set_policies(&self) -> bool {
        self.has("policymaker") || self.is_administrator()
    }

    /// May publish in the name of others.
    pub fn may_impersonate(&self) -> bool {
        self.has("impersonator")
    }

    /// May use the management API at all.
    pub fn may_manage(&self) -> bool {
        self.has("management") || self.may_monitor() || self.may_set_policies()
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            List(Vec<String>),
            Text(String),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::List(list) => Tags::new(list.iter().map(String::as_str)),
            Form::Text(text) => Tags::parse(&text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_and_grants_by_rank() {
        for (tags, administrator, monitor, policies, manage) in [
            ("administrator", true, true, true, true),
            ("monitoring", false, true, false, true),
            (" policymaker ,, x", false, false, true, true),
            ("management,management", false, false, false, true),
            ("", false, false, false, false),
            ("impersonator", false, false, false, false),
        ] {
            let tags = Tags::parse(tags);
            let got =
                (tags.is_administrator(), tags.may_monitor(), tags.may_set_policies(), tags.may_manage());
            assert_eq!(got, (administrator, monitor, policies, manage), "{tags:?}");
        }
        assert_eq!(Tags::parse("a,b,a").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Tags::parse("").iter().count(), 0);
    }
}
