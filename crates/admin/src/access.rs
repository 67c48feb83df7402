//! Who asks, and what their tags allow.

use std::net::SocketAddr;
use std::sync::Arc;

use anymq_api::{Problem, codes};
use anymq_broker::Token;

use crate::hall::Scope;

/// A user's tag that the admin API knows. Others are kept and mean nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// Everything.
    Administrator,
    /// Sees everything.
    Monitoring,
    /// Sees its own vhosts and sets policies there.
    Policymaker,
    /// Sees its own vhosts.
    Management,
}

impl Tag {
    /// The tag of this name.
    pub fn named(name: &str) -> Option<Tag> {
        match name {
            "administrator" => Some(Tag::Administrator),
            "monitoring" => Some(Tag::Monitoring),
            "policymaker" => Some(Tag::Policymaker),
            "management" => Some(Tag::Management),
            _ => None,
        }
    }
}

/// A user that has logged in to the admin API.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Name.
    pub user: String,
    /// Where its requests come from.
    pub peer: SocketAddr,
    /// Tags, as set.
    pub tags: Vec<String>,
    /// Vhosts it has permissions in.
    pub vhosts: Vec<String>,
    /// The token it logged in with, if that says what it may do.
    pub token: Option<Arc<Token>>,
}

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Look at what exists.
    See,
    /// Set policies.
    SetPolicies,
    /// Change anything else, or look at users.
    Administer,
}

impl Operator {
    fn has(&self, tag: Tag) -> bool {
        self.tags.iter().any(|name| Tag::named(name) == Some(tag))
    }

    /// Whether a tag allows it.
    pub(crate) fn may(&self, need: Need) -> Result<(), Problem> {
        let (allowed, asked) = match need {
            Need::See => (self.tags.iter().any(|name| Tag::named(name).is_some()), "management"),
            Need::SetPolicies => (self.has(Tag::Administrator) || self.has(Tag::Policymaker), "policymaker"),
            Need::Administer => (self.has(Tag::Administrator), "administrator"),
        };
        if allowed {
            return Ok(());
        }
        let what = format!("user {:?} lacks the tag {asked}", self.user);
        Err(Problem::new(&codes::TAG_MISSING, what)
            .fix(format!("anymq user tags {} {asked}, run by an administrator", self.user)))
    }

    /// The vhosts this user sees, of those asked for.
    pub(crate) fn scope(&self, asked: Option<String>) -> Result<Scope, Problem> {
        let everything = self.has(Tag::Administrator) || self.has(Tag::Monitoring);
        match asked {
            Some(vhost) => self.in_vhost(&vhost).map(|()| Scope::Only(vec![vhost])),
            None if everything => Ok(Scope::All),
            None => Ok(Scope::Only(self.vhosts.clone())),
        }
    }

    /// Refuses vhosts this user does not see, in the same words whether they exist or not.
    pub(crate) fn in_vhost(&self, vhost: &str) -> Result<(), Problem> {
        let everything = self.has(Tag::Administrator) || self.has(Tag::Monitoring);
        if everything || self.vhosts.iter().any(|v| v == vhost) {
            return Ok(());
        }
        let what = format!("user {:?} has no permissions in vhost {vhost:?}", self.user);
        Err(Problem::new(&codes::FORBIDDEN, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_decide() {
        let user = |tags: &[&str]| Operator {
            user: "ann".into(),
            peer: ([127, 0, 0, 1], 1).into(),
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            vhosts: vec!["shop".into()],
            token: None,
        };
        let cases: [(&[&str], [bool; 5]); 6] = [
            // see, set policies, administer, sees "shop", sees "other"
            (&["administrator"], [true, true, true, true, true]),
            (&["monitoring"], [true, false, false, true, true]),
            (&["policymaker"], [true, true, false, true, false]),
            (&["management"], [true, false, false, true, false]),
            (&["impersonator"], [false, false, false, true, false]),
            (&[], [false, false, false, true, false]),
        ];
        for (tags, [see, policies, administer, shop, other]) in cases {
            let user = user(tags);
            assert_eq!(user.may(Need::See).is_ok(), see, "{tags:?}");
            assert_eq!(user.may(Need::SetPolicies).is_ok(), policies, "{tags:?}");
            assert_eq!(user.may(Need::Administer).is_ok(), administer, "{tags:?}");
            assert_eq!(user.in_vhost("shop").is_ok(), shop, "{tags:?}");
            assert_eq!(user.scope(Some("other".into())).is_ok(), other, "{tags:?}");
        }
        assert_eq!(user(&["management"]).scope(None), Ok(Scope::Only(vec!["shop".into()])));
        assert_eq!(user(&["monitoring"]).scope(None), Ok(Scope::All));
    }
}
