//! Vhosts, users, permissions, logins.

use anymq_api::{Page, Permission, Problem, User, UserPut, Vhost, codes};
use anymq_auth::{Pattern, Permissions, Tags};
use anymq_catalog::{Catalog, Change, QueueKind, VhostLimits};

use super::{BrokerHall, check_name, limit, problem, vhost_id};
use crate::access::Operator;
use crate::hall::{Filter, Login, Result};

impl BrokerHall {
    pub(super) fn check_login(&self, login: &Login<'_>) -> Result<Operator> {
        let refused = || Problem::new(&codes::LOGIN_REFUSED, "login refused");
        let admitted = self.broker.admit(login.user, login.password.as_bytes(), login.peer);
        let principal = admitted.map_err(|_| refused())?;
        self.broker.catalog(|c| {
            let (vhosts, tags) = match &principal.token {
                Some(token) => {
                    let open = c.vhosts().filter(|v| token.opens(&v.name));
                    (open.map(|v| v.name.to_string()).collect(), token.tags())
                }
                None => {
                    let user = c.user(&principal.user).ok_or_else(refused)?;
                    let granted = c.permissions().filter(|p| *p.user == *principal.user);
                    let open = granted.filter_map(|p| Some(c.vhost_by_id(p.vhost)?.name.to_string()));
                    (open.collect(), &user.tags)
                }
            };
            let tags = tags.iter().map(str::to_owned).collect();
            Ok(Operator { user: principal.user, peer: login.peer, tags, vhosts, token: principal.token })
        })
    }

    pub(super) fn list_vhosts(&self, filter: &Filter) -> Page<Vhost> {
        self.broker.catalog(|c| {
            let mut found: Vec<_> = c.vhosts().filter(|v| filter.takes(&v.name, &v.name)).collect();
            found.sort_by(|a, b| a.name.cmp(&b.name));
            filter.page(found.into_iter().map(|v| vhost(c, v)))
        })
    }

    pub(super) fn one_vhost(&self, name: &str) -> Result<Vhost> {
        self.broker.catalog(|c| {
            vhost_id(c, name)?;
            let found = c.vhost(name).map(|v| vhost(c, v));
            found.ok_or_else(|| Problem::new(&codes::VHOST_NOT_FOUND, format!("no vhost {name:?}")))
        })
    }

    /// Creates or changes a vhost; whoever creates one may use it, unless a token says what they may use.
    pub(super) fn make_vhost(&self, operator: &Operator, put: Vhost) -> Result<()> {
        check_name("vhost", &put.name)?;
        let kind = match &put.default_queue_type {
            None => None,
            Some(name) => Some(QueueKind::parse(name).ok_or_else(|| {
                Problem::new(&codes::ARGUMENT_INVALID, format!("{name:?} is not a queue type"))
                    .fix("use classic, quorum or stream")
            })?),
        };
        let (id, is_new, tags) = self.broker.catalog(|c| match c.vhost(&put.name) {
            Some(vhost) => (vhost.id, false, vhost.tags.clone()),
            None => (c.next_ids().vhost, true, Vec::new()),
        });
        let limits =
            VhostLimits { max_connections: limit(put.max_connections), max_queues: limit(put.max_queues) };
        let mut changes = vec![Change::VhostPut(anymq_catalog::Vhost {
            description: put.description,
            default_queue_type: kind,
            tags,
            limits,
            ..anymq_catalog::Vhost::new(id, put.name.as_str())
        })];
        if is_new && operator.token.is_none() {
            let user = operator.user.as_str().into();
            let grant = Permissions::full();
            changes.push(Change::PermissionPut(anymq_catalog::Permission { user, vhost: id, grant }));
        }
        self.settled(self.broker.change_all(changes))
    }

    pub(super) fn list_users(&self, filter: &Filter) -> Page<User> {
        self.broker.catalog(|c| {
            let mut found: Vec<_> = c.users().filter(|u| u.name.contains(&filter.name)).collect();
            found.sort_by(|a, b| a.name.cmp(&b.name));
            filter.page(found.into_iter().map(|u| user(u)))
        })
    }

    pub(super) fn one_user(&self, name: &str) -> Result<User> {
        let missing = || Problem::new(&codes::NOT_FOUND, format!("no user {name:?}")).fix("anymq user ls");
        self.broker.catalog(|c| c.user(name).map(|u| user(u))).ok_or_else(missing)
    }

    pub(super) fn make_user(&self, name: &str, put: UserPut) -> Result<()> {
        check_name("user", name)?;
        let before = self.broker.catalog(|c| c.user(name).cloned());
        let (password, scram) = match (put.password, &before) {
            (Some(password), _) if password.is_empty() => {
                return Err(Problem::new(&codes::ARGUMENT_INVALID, "the password is empty"));
            }
            (Some(password), _) => {
                let password = password.as_bytes();
                (self.broker.hash_password(password), self.broker.scram_of(password))
            }
            (None, Some(user)) => (user.password.clone(), user.scram.clone()),
            (None, None) => {
                let what = format!("user {name:?} does not exist and no password is given");
                return Err(Problem::new(&codes::NOT_FOUND, what).fix("anymq user create NAME"));
            }
        };
        let tags = match (put.tags, &before) {
            (Some(tags), _) => Tags::new(tags.iter().map(String::as_str)),
            (None, Some(user)) => user.tags.clone(),
            (None, None) => Tags::default(),
        };
        let limits = before.map(|user| user.limits).unwrap_or_default();
        let name = name.into();
        self.change(Change::UserPut(anymq_catalog::User { name, password, scram, tags, limits }))
    }

    pub(super) fn list_permissions(&self, filter: &Filter) -> Page<Permission> {
        self.broker.catalog(|c| {
            let named = c.permissions().filter_map(|p| Some((c.vhost_by_id(p.vhost)?.name.to_string(), p)));
            let mut found: Vec<_> = named.filter(|(vhost, p)| filter.takes(vhost, &p.user)).collect();
            found.sort_by(|a, b| (&a.0, &a.1.user).cmp(&(&b.0, &b.1.user)));
            filter.page(found.into_iter().map(|(vhost, p)| Permission {
                user: p.user.to_string(),
                vhost,
                configure: p.grant.configure.clone(),
                write: p.grant.write.clone(),
                read: p.grant.read.clone(),
            }))
        })
    }

    pub(super) fn grant(&self, put: Permission) -> Result<()> {
        self.one_user(&put.user)?;
        let vhost = self.broker.catalog(|c| vhost_id(c, &put.vhost))?;
        for (name, pattern) in [("configure", &put.configure), ("write", &put.write), ("read", &put.read)] {
            Pattern::permission(pattern).map_err(|e| {
                Problem::new(&codes::ARGUMENT_INVALID, format!("{name} pattern {pattern:?}: {e}"))
            })?;
        }
        let grant = Permissions { configure: put.configure, write: put.write, read: put.read };
        let user = put.user.as_str().into();
        self.change(Change::PermissionPut(anymq_catalog::Permission { user, vhost, grant }))
    }

    pub(super) fn revoke(&self, vhost: &str, user: &str) -> Result<()> {
        self.one_user(user)?;
        let id = self.broker.catalog(|c| vhost_id(c, vhost))?;
        self.change(Change::PermissionDelete { user: user.into(), vhost: id })
    }

    /// A session of the operator in a vhost: what it may do is judged as for any client.
    pub(super) fn session(&self, operator: &Operator, vhost: &str) -> Result<anymq_broker::Session> {
        self.broker.catalog(|c| vhost_id(c, vhost))?;
        let connect = anymq_broker::Connect {
            principal: anymq_broker::Principal {
                user: operator.user.clone(),
                peer: operator.peer,
                token: operator.token.clone(),
            },
            vhost: vhost.to_owned(),
            protocol: "admin",
            local: super::local_end(operator.peer),
            client_name: "admin API".into(),
            client_properties: Default::default(),
            tls: false,
        };
        self.broker.connect(connect).map_err(problem)
    }
}

fn vhost(catalog: &Catalog, vhost: &anymq_catalog::Vhost) -> Vhost {
    Vhost {
        name: vhost.name.to_string(),
        description: vhost.description.clone(),
        default_queue_type: vhost.default_queue_type.map(|kind| kind.as_str().to_owned()),
        max_connections: vhost.limits.max_connections.map(u64::from),
        max_queues: vhost.limits.max_queues.map(u64::from),
        queues: catalog.queue_count(vhost.id) as u64,
    }
}

fn user(user: &anymq_catalog::User) -> User {
    User {
        name: user.name.to_string(),
        tags: user.tags.iter().map(str::to_owned).collect(),
        has_password: user.password.is_set(),
    }
}
