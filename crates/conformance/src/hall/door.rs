//! The hall as a door.

use std::time::Duration;

use anymq_broker::{DeclareQueue, Fetch, Fetched, Outcome, Subscribe};
use anymq_runtime::Loss;
use anymq_types::value::Table;

use super::wording::arguments;
use super::{Connection, Hall, connect, given};
use crate::door::{Answer, Client, Counts, Door, End, Given, Interruption, Lease, Message, QueueSpec};

/// Most looks at what a fetch reads from the disk.
const READS_MAX: usize = 10_000;

impl Door for Hall {
    fn declare(&mut self, queue: &QueueSpec) {
        let args = arguments(queue);
        let declare = DeclareQueue {
            name: &queue.name,
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            args: &args,
        };
        self.operator().declare_queue(declare).unwrap_or_else(|e| panic!("declare {}: {e}", queue.name));
        self.work();
    }

    fn delete(&mut self, queue: &str) {
        self.operator().delete_queue(queue, false, false).unwrap_or_else(|e| panic!("delete {queue}: {e}"));
        self.work();
    }

    fn exists(&mut self, queue: &str) -> bool {
        self.operator().queue_exists(queue)
    }

    fn purge(&mut self, queue: &str) {
        self.operator().purge(queue).unwrap_or_else(|e| panic!("purge {queue}: {e}"));
        self.work();
    }

    fn publish(&mut self, queue: &str, messages: &[Message]) -> Vec<Answer> {
        let mut batch = self.batch(queue, messages);
        let published = self.operator().publish(&mut batch);
        if let Some(error) = &published.error {
            panic!("publish to {queue}: {error}");
        }
        self.work();
        let safe = published.commit.is_none_or(|at| at <= self.operator().committed());
        let answer = |index: u32| match (published.rejected.contains(&index), safe) {
            (true, _) => Answer::Refused,
            (false, true) => Answer::Confirmed,
            (false, false) => Answer::Silence,
        };
        (0..messages.len() as u32).map(answer).collect()
    }

    fn connect(&mut self) -> Client {
        let session = connect(self.broker());
        let holder = session.open_holder(0);
        self.clients.push(Some(Connection { session, holder, inbox: Default::default() }));
        Client(self.clients.len() - 1)
    }

    fn disconnect(&mut self, client: Client) {
        self.clients[client.0] = None;
    }

    fn fetch(&mut self, client: Client, queue: &str) -> Option<Given> {
        let connection = self.connection(client);
        let fetch = Fetch { queue, token: 0, holder: connection.holder, auto_ack: false, wait_ms: 0 };
        let fetched = connection.session.fetch(fetch).unwrap_or_else(|e| panic!("fetch from {queue}: {e}"));
        match fetched {
            Fetched::Message(delivery, _) => given(client, &delivery).into_iter().next(),
            Fetched::Empty => None,
            Fetched::Later => {
                for _ in 0..READS_MAX {
                    if let Some(answer) = self.look(client) {
                        return answer;
                    }
                }
                panic!("a fetch from {queue} is not answered")
            }
        }
    }

    fn consume(&mut self, client: Client, queue: &str, credit: u32) {
        let is_stream = self
            .broker()
            .queues(|_, name| name == queue)
            .iter()
            .any(|q| q.kind == anymq_broker::admin::Kind::Stream);
        let connection = self.connection(client);
        let mut args = Table::new();
        if is_stream {
            args.insert("x-stream-offset", "first");
        }
        let subscribe = Subscribe {
            queue,
            token: 0,
            holder: connection.holder,
            tag: queue,
            auto_ack: false,
            exclusive: false,
            prefetch: credit,
            args: &args,
        };
        connection.session.subscribe(subscribe).unwrap_or_else(|e| panic!("consume {queue}: {e}"));
    }

    fn receive(&mut self, client: Client) -> Option<Given> {
        // What one look lets the broker read, the next finds.
        for _ in 0..4 {
            self.look(client);
            if let Some(given) = self.connection(client).inbox.pop_front() {
                return Some(given);
            }
        }
        None
    }

    fn end(&mut self, lease: Lease, how: End) {
        let outcome = match how {
            End::Ack => Outcome::Ack,
            End::Reject => Outcome::Reject,
            End::Requeue => Outcome::Requeue,
        };
        self.settle_without_reading(lease, outcome);
        // A refused message that is on disk is dead-lettered when it has been read.
        self.broker().log().run_reads_now();
    }

    fn flush(&mut self) {
        self.work();
    }

    fn counts(&mut self, queue: &str) -> Counts {
        let list = self.broker().queues(|_, name| name == queue);
        let [q] = &list[..] else { panic!("{} queues of the name {queue}", list.len()) };
        Counts { waiting: q.ready + q.delayed, leased: q.unacked }
    }

    fn pass(&mut self, time: Duration) {
        self.advance(time);
    }

    fn interrupt(&mut self, how: Interruption) {
        let done = match how {
            Interruption::Restart => self.restart(),
            Interruption::Crash => self.crash(Loss::Unsynced),
            Interruption::CrashAfterSnapshot => {
                self.broker().snapshot().unwrap_or_else(|error| panic!("a snapshot: {error}"));
                self.crash(Loss::Unsynced)
            }
        };
        done.unwrap_or_else(|error| panic!("the broker starts after {how:?}: {error}"));
        // The timer's first look, at what came due meanwhile.
        self.advance(Duration::from_millis(u64::from(super::STEPS)));
    }
}
