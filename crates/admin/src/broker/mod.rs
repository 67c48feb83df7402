//! The real broker as a [`Hall`]: its words into those of `anymq-api` and back.
//!
//! Queues, exchanges and bindings are declared through a session of the operator, as any client would: so names,
//! arguments and permissions are judged in one place.

mod groups;
mod lists;
mod messages;
mod tenants;
mod topics;
mod topology;
mod transactions;
mod whole;

use std::net::SocketAddr;
use std::path::PathBuf;

use anymq_api::{
    Binding, Channel, Connection, Consumer, Declare, DeleteQuery, Exchange, Group, Imported, Messages,
    MessagesQuery, Overview, Page, Permission, Policy, Problem, Queue, ResetOffsets, ResetPlan, Topic,
    TopicPut, Transaction, User, UserPut, Vhost, codes,
};
use anymq_broker::admin::QueueStatus;
use anymq_broker::{Broker, Done, ErrorKind, GroupStatus, TopicEdges, Turn};
use anymq_catalog::{Catalog, Change};
use anymq_types::{Millis, VhostId};
use serde_json::Value;

use crate::access::Operator;
use crate::hall::{ExchangeBindings, Filter, Hall, Login, Measurements, More, Result};

/// The broker in this process.
pub struct BrokerHall {
    broker: Broker,
    data_dir: PathBuf,
    started: Millis,
}

impl BrokerHall {
    /// A hall over `broker`, whose data is in `data_dir`.
    pub fn new(broker: Broker, data_dir: PathBuf) -> Self {
        let started = broker.now();
        BrokerHall { broker, data_dir, started }
    }

    /// Makes one change and waits until it is on disk.
    fn change(&self, change: Change) -> Result<()> {
        self.settled(self.broker.change(change))
    }

    /// Waits until what was done is on disk.
    fn settled<T>(&self, done: anymq_broker::Result<Done<T>>) -> Result<T> {
        let done = done.map_err(problem)?;
        self.broker.wait_committed(done.commit).map_err(problem)?;
        Ok(done.value)
    }
}

/// The broker's errors in the operator's terms; the sentence stays.
fn problem(error: anymq_broker::Error) -> Problem {
    let code = match error.kind {
        ErrorKind::NotFound => &codes::NOT_FOUND,
        ErrorKind::Conflict => &codes::QUEUE_DIFFERS,
        ErrorKind::Invalid => &codes::ARGUMENT_INVALID,
        ErrorKind::Forbidden => &codes::FORBIDDEN,
        ErrorKind::Locked => &codes::LOCKED,
        ErrorKind::InUse => &codes::IN_USE,
        ErrorKind::TooLarge => &codes::TOO_BIG,
        ErrorKind::NotAllowed => &codes::FORBIDDEN,
        ErrorKind::NotImplemented => &codes::NOT_OFFERED,
        ErrorKind::Exhausted => &codes::LIMIT_REACHED,
        ErrorKind::Unavailable => &codes::DATA_FAILED,
        ErrorKind::Corrupt => &codes::DATA_CORRUPT,
    };
    let code = match error.kind {
        ErrorKind::InUse if error.text.contains("not empty") => &codes::NOT_EMPTY,
        ErrorKind::Forbidden if error.text.contains("reserved prefix") => &codes::NAME_INVALID,
        ErrorKind::Forbidden if !error.text.contains("refused for user") => &codes::BUILT_IN,
        _ => code,
    };
    Problem::new(code, error.text)
}

/// The same of reading messages, where nothing is the broker's own.
fn unreadable(error: anymq_broker::Error) -> Problem {
    match error.kind {
        ErrorKind::Forbidden => Problem::new(&codes::FORBIDDEN, error.text),
        _ => problem(error),
    }
}

fn not_found(kind: &str, name: &str, vhost: &str) -> Problem {
    Problem::new(&codes::NOT_FOUND, format!("no {kind} {name:?} in vhost {vhost:?}"))
}

fn vhost_id(catalog: &Catalog, name: &str) -> Result<VhostId> {
    let missing = || Problem::new(&codes::VHOST_NOT_FOUND, format!("no vhost {name:?}"));
    catalog.vhost(name).map(|vhost| vhost.id).ok_or_else(missing)
}

/// Names that the catalogue takes: not empty, at most 255 bytes, no control characters.
fn check_name(kind: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
        return Err(Problem::new(&codes::NAME_INVALID, format!("{kind} name {name:?} is not acceptable"))
            .because("Names have 1 to 255 bytes and no control characters."));
    }
    Ok(())
}

fn limit(value: Option<u64>) -> Option<u32> {
    value.map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// Where sessions that the admin API opens say they come from.
fn local_end(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip(), 0)
}

impl Hall for BrokerHall {
    fn login_turn(&self, login: &Login<'_>) -> Turn {
        self.broker.login_turn(login.user, login.password.as_bytes(), login.peer)
    }

    fn login(&self, login: Login<'_>) -> Result<Operator> {
        self.check_login(&login)
    }

    fn alarms(&self) -> Vec<String> {
        self.current_alarms()
    }

    fn failed(&self) -> Option<String> {
        self.storage_failure()
    }

    fn overview(&self) -> Overview {
        self.whole()
    }

    fn measurements(&self) -> Measurements {
        let dead = self.broker.dead_letter_queues().into_iter();
        Measurements {
            overview: self.whole(),
            journal: self.journal(),
            stats: self.broker.totals().stats,
            dead_letter_queues: dead.map(|q| (q.vhost.to_string(), q.name.to_string(), q.messages)).collect(),
        }
    }

    fn vhosts(&self, filter: &Filter) -> Page<Vhost> {
        self.list_vhosts(filter)
    }

    fn vhost(&self, name: &str) -> Result<Vhost> {
        self.one_vhost(name)
    }

    fn put_vhost(&self, operator: &Operator, vhost: Vhost) -> Result<()> {
        self.make_vhost(operator, vhost)
    }

    fn delete_vhost(&self, name: &str) -> Result<()> {
        let id = self.broker.catalog(|c| vhost_id(c, name))?;
        self.change(Change::VhostDelete { id })
    }

    fn users(&self, filter: &Filter) -> Page<User> {
        self.list_users(filter)
    }

    fn user(&self, name: &str) -> Result<User> {
        self.one_user(name)
    }

    fn put_user(&self, name: &str, put: UserPut) -> Result<()> {
        self.make_user(name, put)
    }

    fn delete_user(&self, name: &str) -> Result<()> {
        self.one_user(name)?;
        self.change(Change::UserDelete { name: name.into() })
    }

    fn permissions(&self, filter: &Filter) -> Page<Permission> {
        self.list_permissions(filter)
    }

    fn put_permission(&self, permission: Permission) -> Result<()> {
        self.grant(permission)
    }

    fn delete_permission(&self, vhost: &str, user: &str) -> Result<()> {
        self.revoke(vhost, user)
    }

    fn exchanges(&self, filter: &Filter) -> Page<Exchange> {
        self.list_exchanges(filter)
    }

    fn exchange(&self, vhost: &str, name: &str) -> Result<Exchange> {
        self.one_exchange(vhost, name)
    }

    fn put_exchange(&self, operator: &Operator, vhost: &str, name: &str, declare: Declare) -> Result<()> {
        self.declare_exchange(operator, vhost, name, &declare)
    }

    fn delete_exchange(&self, operator: &Operator, vhost: &str, name: &str, only: DeleteQuery) -> Result<()> {
        self.one_exchange(vhost, name)?;
        let session = self.session(operator, vhost)?;
        self.settled(session.delete_exchange(name, only.if_unused))
    }

    fn queues(&self, filter: &Filter) -> Page<Queue> {
        self.list_queues(filter)
    }

    fn queue_statuses(&self, filter: &Filter) -> Page<QueueStatus> {
        self.list_queue_statuses(filter)
    }

    fn exchange_bindings(&self, limit: usize) -> Vec<ExchangeBindings> {
        self.list_exchange_bindings(limit)
    }

    fn queue(&self, vhost: &str, name: &str) -> Result<Queue> {
        self.one_queue(vhost, name)
    }

    fn put_queue(&self, operator: &Operator, vhost: &str, name: &str, declare: Declare) -> Result<()> {
        self.declare_queue(operator, vhost, name, &declare)
    }

    fn delete_queue(&self, operator: &Operator, vhost: &str, name: &str, only: DeleteQuery) -> Result<u64> {
        self.one_queue(vhost, name)?;
        let session = self.session(operator, vhost)?;
        self.settled(session.delete_queue(name, only.if_unused, only.if_empty))
    }

    fn purge_queue(&self, operator: &Operator, vhost: &str, name: &str) -> Result<u64> {
        let session = self.session(operator, vhost)?;
        self.settled(session.purge(name))
    }

    fn topics(&self, filter: &Filter) -> Page<Topic> {
        self.list_topics(filter)
    }

    fn topic(&self, vhost: &str, name: &str) -> Result<Topic> {
        self.one_topic(vhost, name)
    }

    fn put_topic(&self, operator: &Operator, vhost: &str, name: &str, put: TopicPut) -> Result<()> {
        self.make_topic(operator, vhost, name, &put)
    }

    fn delete_topic(&self, operator: &Operator, vhost: &str, name: &str) -> Result<u64> {
        self.remove_topic(operator, vhost, name)
    }

    fn groups(&self, filter: &Filter) -> Page<Group> {
        self.list_groups(filter)
    }

    fn group(&self, vhost: &str, name: &str) -> Result<Group> {
        self.one_group(vhost, name)
    }

    fn group_statuses(&self, limit: usize) -> (Vec<GroupStatus>, u64) {
        self.list_group_statuses(limit)
    }

    fn now(&self) -> Millis {
        self.broker.now()
    }

    fn topic_edges(&self, queues: bool, limit: usize) -> (Vec<TopicEdges>, u64) {
        self.broker.topic_edges(queues, limit)
    }

    fn delete_group(&self, operator: &Operator, vhost: &str, name: &str) -> Result<()> {
        self.remove_group(operator, vhost, name)
    }

    fn reset_offsets(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        ask: &ResetOffsets,
    ) -> Result<ResetPlan> {
        self.reset_group(operator, vhost, name, ask)
    }

    fn transactions(&self, filter: &Filter) -> Page<Transaction> {
        self.list_transactions(filter)
    }

    fn abort_transaction(&self, operator: &Operator, vhost: &str, id: &str) -> Result<()> {
        self.end_transaction(operator, vhost, id)
    }

    fn messages(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        query: &MessagesQuery,
    ) -> Result<(Messages, Option<More>)> {
        self.look_at(operator, vhost, name, query)
    }

    fn bindings(&self, filter: &Filter) -> Page<Binding> {
        self.list_bindings(filter)
    }

    fn put_binding(&self, operator: &Operator, binding: Binding) -> Result<()> {
        self.bind(operator, &binding)
    }

    fn delete_binding(&self, operator: &Operator, binding: Binding) -> Result<()> {
        self.unbind(operator, &binding)
    }

    fn policies(&self, filter: &Filter) -> Page<Policy> {
        self.list_policies(filter)
    }

    fn policy(&self, vhost: &str, name: &str, operator: bool) -> Result<Policy> {
        self.one_policy(vhost, name, operator)
    }

    fn put_policy(&self, policy: Policy) -> Result<()> {
        self.make_policy(policy)
    }

    fn delete_policy(&self, vhost: &str, name: &str, operator: bool) -> Result<()> {
        self.one_policy(vhost, name, operator)?;
        let id = self.broker.catalog(|c| vhost_id(c, vhost))?;
        self.change(Change::PolicyDelete { vhost: id, name: name.into(), operator })
    }

    fn connections(&self, filter: &Filter) -> Page<Connection> {
        self.list_connections(filter)
    }

    fn connection(&self, id: u64) -> Result<Connection> {
        self.one_connection(id)
    }

    fn close_connection(&self, id: u64, reason: &str) -> Result<()> {
        self.broker.close_connection(id, reason).map_err(problem)
    }

    fn channels(&self, filter: &Filter) -> Page<Channel> {
        self.list_channels(filter)
    }

    fn consumers(&self, filter: &Filter) -> Page<Consumer> {
        self.list_consumers(filter)
    }

    fn export(&self, vhost: Option<&str>) -> Result<Value> {
        self.export_definitions(vhost)
    }

    fn import(&self, vhost: Option<&str>, definitions: &Value) -> Result<Imported> {
        self.import_definitions(vhost, definitions)
    }
}
