//! One user's rights in one vhost, compiled.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::error::PatternError;
use crate::oauth2::ScopeAccess;
use crate::pattern::Pattern;
use crate::permissions::{Action, Permissions, TopicPermissions};

/// Decisions kept per user, vhost and right; names are at most 255 bytes.
const DECISIONS_MAX: usize = 1024;

/// What [`Access::compile`] compiles.
#[derive(Clone, Copy, Debug)]
pub struct AccessSpec<'a> {
    /// Stands for `{username}`.
    pub user: &'a str,
    /// Stands for `{vhost}`.
    pub vhost: &'a str,
    /// Stands for `{client_id}`; protocols without one leave the text as it is.
    pub client_id: Option<&'a str>,
    /// The rights on resources.
    pub permissions: &'a Permissions,
    /// The rights on routing keys: exchange and patterns. An exchange that is not listed is not restricted.
    pub topics: &'a [(&'a str, &'a TopicPermissions)],
}

/// One user's rights in one vhost, from the catalogue or from a token. Replaced when a permission changes or a token is
/// renewed. A question costs a hash look-up, at most one linear match for each scope.
#[derive(Debug)]
pub struct Access {
    rules: Rules,
    decisions: Mutex<[HashMap<Box<[u8]>, bool>; 3]>,
}

#[derive(Debug)]
enum Rules {
    Permissions(Patterns),
    Scopes(ScopeAccess),
}

#[derive(Debug)]
struct Patterns {
    configure: Pattern,
    write: Pattern,
    read: Pattern,
    topics: BTreeMap<Box<str>, TopicAccess>,
}

impl Patterns {
    fn of(&self, action: Action) -> &Pattern {
        match action {
            Action::Configure => &self.configure,
            Action::Write => &self.write,
            Action::Read => &self.read,
        }
    }
}

#[derive(Debug)]
struct TopicAccess {
    write: Pattern,
    read: Pattern,
}

impl Access {
    /// Compiles the patterns; fails if one is invalid.
    pub fn compile(spec: AccessSpec<'_>) -> Result<Self, PatternError> {
        let mut variables = vec![("username", spec.user), ("vhost", spec.vhost)];
        variables.extend(spec.client_id.map(|id| ("client_id", id)));
        let topics = spec.topics.iter().map(|(exchange, topic)| {
            let access = TopicAccess {
                write: Pattern::with_variables(&topic.write, &variables)?,
                read: Pattern::with_variables(&topic.read, &variables)?,
            };
            Ok(((*exchange).into(), access))
        });
        let rules = Rules::Permissions(Patterns {
            configure: Pattern::permission(&spec.permissions.configure)?,
            write: Pattern::permission(&spec.permissions.write)?,
            read: Pattern::permission(&spec.permissions.read)?,
            topics: topics.collect::<Result<_, _>>()?,
        });
        Ok(Access { rules, decisions: Mutex::default() })
    }

    /// What the scopes of a token allow.
    pub(crate) fn of_scopes(scopes: ScopeAccess) -> Self {
        Access { rules: Rules::Scopes(scopes), decisions: Mutex::default() }
    }

    /// Whether the user may do this to the queue or exchange of that name. The default exchange is asked about as
    /// `amq.default`, as RabbitMQ does; the empty name is translated here.
    pub fn check(&self, action: Action, name: impl AsRef<[u8]>) -> bool {
        let name = match name.as_ref() {
            b"" => b"amq.default",
            name => name,
        };
        if let Rules::Permissions(patterns) = &self.rules
            && patterns.of(action).is_trivial()
        {
            return patterns.of(action).matches(name);
        }
        let cache = match action {
            Action::Configure => 0,
            Action::Write => 1,
            Action::Read => 2,
        };
        // A cache of answers is valid after any panic.
        let decisions = &mut self.decisions.lock().unwrap_or_else(PoisonError::into_inner)[cache];
        if let Some(&allowed) = decisions.get(name) {
            return allowed;
        }
        let allowed = match &self.rules {
            Rules::Permissions(patterns) => patterns.of(action).matches(name),
            Rules::Scopes(scopes) => scopes.allows(action, name),
        };
        if decisions.len() >= DECISIONS_MAX {
            decisions.clear();
        }
        decisions.insert(name.into(), allowed);
        allowed
    }

    /// Whether the user may publish to ([`Action::Write`]) or bind from ([`Action::Read`]) the topic exchange with
    /// that routing key. Asked after [`Access::check`] on the exchange. Where permissions have no rule for the exchange the
    /// answer is yes; a token must have a scope that names routing keys.
    pub fn check_topic(&self, action: Action, exchange: &str, routing_key: impl AsRef<[u8]>) -> bool {
        let patterns = match &self.rules {
            Rules::Permissions(patterns) => patterns,
            Rules::Scopes(scopes) => return scopes.allows_topic(action, exchange, routing_key.as_ref()),
        };
        let Some(topic) = patterns.topics.get(exchange) else { return true };
        match action {
            Action::Write => topic.write.matches(routing_key),
            Action::Read => topic.read.matches(routing_key),
            Action::Configure => true,
        }
    }

    /// True if any topic exchange is restricted; if not, [`Access::check_topic`] need not be asked.
    pub fn restricts_topics(&self) -> bool {
        match &self.rules {
            Rules::Permissions(patterns) => !patterns.topics.is_empty(),
            Rules::Scopes(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(configure: &str, write: &str, read: &str) -> Access {
        let permissions = Permissions { configure: configure.into(), write: write.into(), read: read.into() };
        let spec =
            AccessSpec { user: "u", vhost: "/", client_id: None, permissions: &permissions, topics: &[] };
        Access::compile(spec).unwrap()
    }

    #[test]
    fn each_right_has_its_own_pattern() {
        let access = access("^tmp-", "", ".*");
        for (action, name, allowed) in [
            (Action::Configure, "tmp-1", true),
            (Action::Configure, "orders", false),
            (Action::Write, "tmp-1", false),
            (Action::Write, "", false),
            (Action::Read, "orders", true),
            (Action::Read, "", true),
        ] {
            for _ in 0..2 {
                assert_eq!(access.check(action, name), allowed, "{} {name:?}", action.as_str());
            }
        }
    }

    #[test]
    fn the_default_exchange_is_called_amq_default() {
        assert!(access("", "^amq\\.default$", "").check(Action::Write, ""));
        assert!(!access("", "^$", "").check(Action::Write, ""));
    }

    #[test]
    fn topic_rules_substitute_literals_and_restrict_listed_exchanges_only() {
        let permissions = Permissions::full();
        let topic =
            TopicPermissions { write: "^{username}\\.".into(), read: "^({vhost}|{client_id})$".into() };
        let check = |user, client_id, action, exchange, key: &str| {
            let topics = [("amq.topic", &topic)];
            let spec =
                AccessSpec { user, vhost: "prod", client_id, permissions: &permissions, topics: &topics };
            Access::compile(spec).unwrap().check_topic(action, exchange, key)
        };
        assert!(check("alice", None, Action::Write, "amq.topic", "alice.x"));
        assert!(!check("alice", None, Action::Write, "amq.topic", "bob.x"));
        assert!(check("alice", None, Action::Write, "other", "bob.x"));
        assert!(!check(".*", None, Action::Write, "amq.topic", "bob.x"));
        assert!(check("alice", None, Action::Read, "amq.topic", "prod"));
        assert!(!check("alice", Some("a|.*"), Action::Read, "amq.topic", "other"));
        assert!(check("alice", Some("a|.*"), Action::Read, "amq.topic", "a|.*"));
        assert!(check("alice", None, Action::Read, "amq.topic", "{client_id}"));
    }

    #[test]
    fn decisions_are_bounded() {
        let access = access("^a", "", "");
        for i in 0..10 * DECISIONS_MAX {
            access.check(Action::Configure, format!("a{i}"));
        }
        assert!(access.decisions.lock().unwrap()[0].len() <= DECISIONS_MAX);
    }

    #[test]
    fn an_invalid_pattern_is_an_error_not_a_grant() {
        let permissions = Permissions { read: "(".into(), ..Permissions::full() };
        let spec =
            AccessSpec { user: "u", vhost: "/", client_id: None, permissions: &permissions, topics: &[] };
        assert!(Access::compile(spec).is_err());
    }
}
