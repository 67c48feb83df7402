//! What the admin API asks of the broker, in the words of its own types.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anymq_api::{
    Binding, Channel, Connection, Consumer, Declare, DeleteQuery, Exchange, Group, Imported, Messages,
    MessagesQuery, Overview, Page, Permission, Policy, Problem, Queue, ResetOffsets, ResetPlan, Topic,
    TopicPut, Transaction, User, UserPut, Vhost,
};
use anymq_broker::admin::{QueueStatus, Stats};
use anymq_broker::{GroupStatus, TopicEdges, Turn};
use anymq_types::Millis;
use serde_json::Value;

use crate::access::Operator;

/// Result of a call into the broker.
pub(crate) type Result<T> = std::result::Result<T, Problem>;

/// Ends when there may be more messages than there were.
pub type More = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Credentials of a request, as they came.
pub struct Login<'a> {
    /// User.
    pub user: &'a str,
    /// Password.
    pub password: &'a str,
    /// Where the request comes from; the loopback rule looks at this.
    pub peer: SocketAddr,
}

/// Which vhosts an operator sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every one.
    All,
    /// Only these.
    Only(Vec<String>),
}

impl Scope {
    /// Whether this vhost is among them.
    pub fn holds(&self, vhost: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Only(vhosts) => vhosts.iter().any(|v| v == vhost),
        }
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Vhosts.
    pub scope: Scope,
    /// Text that names contain; empty: any.
    pub name: String,
    /// Leave out this many first.
    pub offset: usize,
    /// At most this many.
    pub limit: usize,
}

impl Filter {
    /// Everything, up to `limit`.
    pub fn all(limit: usize) -> Self {
        Filter { scope: Scope::All, name: String::new(), offset: 0, limit }
    }

    /// Whether an entry of this vhost and name belongs to the list.
    pub fn takes(&self, vhost: &str, name: &str) -> bool {
        self.scope.holds(vhost) && (self.name.is_empty() || name.contains(&self.name))
    }

    /// Cuts one page out of entries that all belong to the list, in order.
    pub fn page<T>(&self, entries: impl Iterator<Item = T>) -> Page<T> {
        let mut total = 0;
        let mut items = Vec::new();
        for (i, entry) in entries.enumerate() {
            total += 1;
            if i >= self.offset && items.len() < self.limit {
                items.push(entry);
            }
        }
        Page { items, total }
    }
}

/// Cumulative counts of durations.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Upper bound in seconds and how many were at most that, ascending.
    pub buckets: Vec<(f64, u64)>,
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
}

/// The journal's counters.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// Groups committed.
    pub commits: u64,
    /// Bytes committed.
    pub bytes: u64,
    /// Frames committed.
    pub frames: u64,
    /// How long syncs took.
    pub fsync: Histogram,
    /// How long publishers waited for a commit: one sample for each commit they waited for.
    pub confirm: Histogram,
    /// Segments, by class.
    pub segments: Vec<(&'static str, u64)>,
}

/// What the metrics pages show besides the overview.
#[derive(Clone, Debug, Default)]
pub struct Measurements {
    /// Counts, totals, resources, alarms.
    pub overview: Overview,
    /// The journal.
    pub journal: Journal,
    /// The broker's counters, as it keeps them.
    pub stats: Stats,
    /// Queues that dead letters go to: vhost, name, messages.
    pub dead_letter_queues: Vec<(String, String, u64)>,
}

/// An exchange and how much is bound to it.
#[derive(Clone, Debug)]
pub struct ExchangeBindings {
    /// Vhost.
    pub vhost: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Type.
    pub kind: String,
    /// Bindings from it.
    pub bindings: u64,
}

/// The broker, as the admin API sees it. Calls may block for as long as a commit takes.
pub trait Hall: Send + Sync + 'static {
    /// When a login may be looked at. Does not block.
    fn login_turn(&self, login: &Login<'_>) -> Turn;
    /// Checks a password; gives the user's tags and the vhosts it has permissions in.
    fn login(&self, login: Login<'_>) -> Result<Operator>;

    /// What is wrong with the broker now: alarms, and whether storage has failed.
    fn alarms(&self) -> Vec<String>;
    /// Storage has failed: nothing more can be promised.
    fn failed(&self) -> Option<String>;
    /// The broker as a whole; the listeners are added by the caller.
    fn overview(&self) -> Overview;
    /// Numbers for the metrics pages.
    fn measurements(&self) -> Measurements;

    /// Vhosts.
    fn vhosts(&self, filter: &Filter) -> Page<Vhost>;
    /// One vhost.
    fn vhost(&self, name: &str) -> Result<Vhost>;
    /// Creates or changes a vhost.
    fn put_vhost(&self, operator: &Operator, vhost: Vhost) -> Result<()>;
    /// Removes a vhost with everything in it.
    fn delete_vhost(&self, name: &str) -> Result<()>;

    /// Users.
    fn users(&self, filter: &Filter) -> Page<User>;
    /// One user.
    fn user(&self, name: &str) -> Result<User>;
    /// Creates or changes a user.
    fn put_user(&self, name: &str, put: UserPut) -> Result<()>;
    /// Removes a user and its permissions.
    fn delete_user(&self, name: &str) -> Result<()>;

    /// Permissions; names are users.
    fn permissions(&self, filter: &Filter) -> Page<Permission>;
    /// Sets what a user may do in a vhost.
    fn put_permission(&self, permission: Permission) -> Result<()>;
    /// Takes a user's permissions in a vhost away.
    fn delete_permission(&self, vhost: &str, user: &str) -> Result<()>;

    /// Exchanges.
    fn exchanges(&self, filter: &Filter) -> Page<Exchange>;
    /// One exchange.
    fn exchange(&self, vhost: &str, name: &str) -> Result<Exchange>;
    /// Declares an exchange.
    fn put_exchange(&self, operator: &Operator, vhost: &str, name: &str, declare: Declare) -> Result<()>;
    /// Deletes an exchange.
    fn delete_exchange(&self, operator: &Operator, vhost: &str, name: &str, only: DeleteQuery) -> Result<()>;

    /// Queues.
    fn queues(&self, filter: &Filter) -> Page<Queue>;
    /// The same in the broker's own words, for the metrics pages.
    fn queue_statuses(&self, filter: &Filter) -> Page<QueueStatus>;
    /// Exchanges that clients may publish to by name, at most so many.
    fn exchange_bindings(&self, limit: usize) -> Vec<ExchangeBindings>;
    /// One queue.
    fn queue(&self, vhost: &str, name: &str) -> Result<Queue>;
    /// Declares a queue.
    fn put_queue(&self, operator: &Operator, vhost: &str, name: &str, declare: Declare) -> Result<()>;
    /// Deletes a queue; says how many messages it held.
    fn delete_queue(&self, operator: &Operator, vhost: &str, name: &str, only: DeleteQuery) -> Result<u64>;
    /// Removes every ready message; says how many.
    fn purge_queue(&self, operator: &Operator, vhost: &str, name: &str) -> Result<u64>;

    /// Topics, without their partitions.
    fn topics(&self, filter: &Filter) -> Page<Topic>;
    /// One topic, with its partitions.
    fn topic(&self, vhost: &str, name: &str) -> Result<Topic>;
    /// Creates a topic, unless there is the same.
    fn put_topic(&self, operator: &Operator, vhost: &str, name: &str, put: TopicPut) -> Result<()>;
    /// Deletes a topic; says how many messages it held.
    fn delete_topic(&self, operator: &Operator, vhost: &str, name: &str) -> Result<u64>;

    /// Groups, without their members and offsets.
    fn groups(&self, filter: &Filter) -> Page<Group>;
    /// One group.
    fn group(&self, vhost: &str, name: &str) -> Result<Group>;
    /// The same in the broker's own words, for the metrics pages: groups that have committed offsets of at most so many partitions
    /// together, and how many more partitions there are.
    fn group_statuses(&self, limit: usize) -> (Vec<GroupStatus>, u64);
    /// What time it is.
    fn now(&self) -> Millis;
    /// Partitions of topics, and of queues if they are wanted, at most so many; and how many more there are.
    fn topic_edges(&self, queues: bool, limit: usize) -> (Vec<TopicEdges>, u64);
    /// Deletes a group that has no members.
    fn delete_group(&self, operator: &Operator, vhost: &str, name: &str) -> Result<()>;
    /// Sets a group's offsets anew, or says what that would do.
    fn reset_offsets(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        ask: &ResetOffsets,
    ) -> Result<ResetPlan>;
    /// Transactions; names are transactional ids.
    fn transactions(&self, filter: &Filter) -> Page<Transaction>;
    /// Aborts an open transaction, and fences its producer.
    fn abort_transaction(&self, operator: &Operator, vhost: &str, id: &str) -> Result<()>;
    /// Messages of a topic or queue, without taking them. If there are none, also what ends when there may be some.
    fn messages(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        query: &MessagesQuery,
    ) -> Result<(Messages, Option<More>)>;

    /// Bindings; names are sources and destinations.
    fn bindings(&self, filter: &Filter) -> Page<Binding>;
    /// Binds.
    fn put_binding(&self, operator: &Operator, binding: Binding) -> Result<()>;
    /// Unbinds.
    fn delete_binding(&self, operator: &Operator, binding: Binding) -> Result<()>;

    /// Policies and operator policies.
    fn policies(&self, filter: &Filter) -> Page<Policy>;
    /// One policy.
    fn policy(&self, vhost: &str, name: &str, operator: bool) -> Result<Policy>;
    /// Creates or replaces a policy.
    fn put_policy(&self, policy: Policy) -> Result<()>;
    /// Removes a policy.
    fn delete_policy(&self, vhost: &str, name: &str, operator: bool) -> Result<()>;

    /// Client connections; names are what clients call themselves.
    fn connections(&self, filter: &Filter) -> Page<Connection>;
    /// One connection.
    fn connection(&self, id: u64) -> Result<Connection>;
    /// Closes a connection; the client gets the reason.
    fn close_connection(&self, id: u64, reason: &str) -> Result<()>;
    /// Channels; names are users.
    fn channels(&self, filter: &Filter) -> Page<Channel>;
    /// Consumers; names are queues.
    fn consumers(&self, filter: &Filter) -> Page<Consumer>;

    /// Everything that is defined, as a definitions.json; of one vhost if named.
    fn export(&self, vhost: Option<&str>) -> Result<Value>;
    /// Takes a definitions.json, as a whole or not at all.
    fn import(&self, vhost: Option<&str>, definitions: &Value) -> Result<Imported>;
}
