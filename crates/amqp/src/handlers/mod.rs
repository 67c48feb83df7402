//! The table of operations: what a client may ask, how far it is supported, and who answers. Dispatch and
//! docs/protocols/amqp.md are made from it.

use std::fmt::Write as _;

use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::{Method, ReplyCode, methods};

/// How far an operation is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As RabbitMQ does it.
    Full,
    /// As far as said.
    Partial(&'static str),
    /// Refused, with the error said.
    Refused(&'static str),
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `class id << 16 | method id`.
    pub key: u32,
    /// How far it is supported.
    pub status: Status,
}

use Status::{Full, Partial, Refused};

macro_rules! operations {
    ($($Variant:ident($class:ident::$Method:ident) => $module:ident::$handler:ident, $status:expr;)*) => {
        $(mod $module;)*

        /// What comes on a channel.
        const ON_CHANNELS: &[Operation] =
            &[$(Operation { key: methods::$class::$Method::KEY, status: $status },)*];

        /// Calls the handler of a method on a channel.
        ///
        /// # Errors
        /// Whatever closes the channel or the connection.
        pub(crate) fn dispatch(cx: &mut Cx<'_>, method: Method<'_>) -> Result<()> {
            match method {
                $(Method::$Variant(method) => $module::$handler(cx, method),)*
                _ => Err(AmqpError::new(ReplyCode::COMMAND_INVALID, "unimplemented method")),
            }
        }
    };
}

operations! {
    ChannelOpen(channel::Open) => channel_open::channel_open, Full;
    ChannelFlow(channel::Flow) => channel_flow::channel_flow, Partial("`active=false` is refused with 540, as RabbitMQ does");
    ChannelClose(channel::Close) => channel_close::channel_close, Full;
    AccessRequest(access::Request) => access_request::access_request, Partial("every ticket is 1 and none is checked, as in RabbitMQ");
    ExchangeDeclare(exchange::Declare) => exchange_declare::exchange_declare, Full;
    ExchangeDelete(exchange::Delete) => exchange_delete::exchange_delete, Full;
    ExchangeBind(exchange::Bind) => exchange_bind::exchange_bind, Full;
    ExchangeUnbind(exchange::Unbind) => exchange_unbind::exchange_unbind, Full;
    QueueDeclare(queue::Declare) => queue_declare::queue_declare, Full;
    QueueBind(queue::Bind) => queue_bind::queue_bind, Full;
    QueuePurge(queue::Purge) => queue_purge::queue_purge, Full;
    QueueDelete(queue::Delete) => queue_delete::queue_delete, Full;
    QueueUnbind(queue::Unbind) => queue_unbind::queue_unbind, Full;
    BasicQos(basic::Qos) => basic_qos::basic_qos, Partial("`prefetch_size` other than 0 is refused with 540, as RabbitMQ does; `global=true` works on every queue type");
    BasicConsume(basic::Consume) => basic_consume::basic_consume, Partial("`no_local` has no effect, as in RabbitMQ");
    BasicCancel(basic::Cancel) => basic_cancel::basic_cancel, Full;
    BasicCancelOk(basic::CancelOk) => basic_cancel_ok::basic_cancel_ok, Full;
    BasicPublish(basic::Publish) => basic_publish::basic_publish, Partial("`immediate=true` is refused with 540, as RabbitMQ does");
    BasicGet(basic::Get) => basic_get::basic_get, Full;
    BasicAck(basic::Ack) => basic_ack::basic_ack, Full;
    BasicReject(basic::Reject) => basic_reject::basic_reject, Full;
    BasicNack(basic::Nack) => basic_nack::basic_nack, Full;
    BasicRecover(basic::Recover) => basic_recover::basic_recover, Partial("`requeue=false` is refused with 540, as RabbitMQ does");
    BasicRecoverAsync(basic::RecoverAsync) => basic_recover_async::basic_recover_async, Partial("`requeue=false` is refused with 540, as RabbitMQ does");
    TxSelect(tx::Select) => tx_select::tx_select, Full;
    TxCommit(tx::Commit) => tx_commit::tx_commit, Partial("all or nothing, which is more than RabbitMQ promises");
    TxRollback(tx::Rollback) => tx_rollback::tx_rollback, Full;
    ConfirmSelect(confirm::Select) => confirm_select::confirm_select, Full;
}

/// What comes on channel 0, answered by the handshake and the session.
const ON_CONNECTION: &[Operation] = &[
    Operation {
        key: methods::connection::StartOk::KEY,
        status: Partial("PLAIN, AMQPLAIN, and EXTERNAL over TLS"),
    },
    Operation {
        key: methods::connection::SecureOk::KEY,
        status: Refused("503: no mechanism offered has a second step"),
    },
    Operation { key: methods::connection::TuneOk::KEY, status: Full },
    Operation { key: methods::connection::Open::KEY, status: Full },
    Operation { key: methods::connection::Close::KEY, status: Full },
    Operation { key: methods::connection::CloseOk::KEY, status: Full },
    Operation {
        key: methods::connection::UpdateSecret::KEY,
        status: Partial(
            "renews an access token; other logins do not expire, so there is nothing to renew, as in RabbitMQ",
        ),
    },
];

/// What comes as an answer to the server, and does no more than that.
const ANSWERS: &[Operation] = &[
    Operation { key: methods::channel::CloseOk::KEY, status: Full },
    Operation {
        key: methods::channel::FlowOk::KEY,
        status: Refused("503: the server never sends `channel.flow`"),
    },
];

/// Every operation a client can send.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    ON_CONNECTION.iter().chain(ON_CHANNELS).chain(ANSWERS)
}

/// docs/protocols/amqp.md: which methods are supported, and how far.
pub fn compatibility_markdown() -> String {
    let mut rows: Vec<_> = operations().collect();
    rows.sort_by_key(|row| row.key);
    let mut page = String::from(
        "<!-- Generated from the handler table of crates/amqp. Do not edit. -->\n\
         # AMQP 0-9-1: supported methods\n\n\
         Every method a client can send, with RabbitMQ's extensions. *Full* means: as RabbitMQ 4.0 answers it.\n\n\
         | method | id | status | notes |\n|---|---|---|---|\n",
    );
    for row in rows {
        let name = methods::ALL.iter().find(|(key, _)| *key == row.key).map_or("?", |(_, name)| name);
        let (status, note) = match row.status {
            Full => ("full", ""),
            Partial(note) => ("partial", note),
            Refused(note) => ("refused", note),
        };
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{name}` | {},{} | {status} | {note} |", row.key >> 16, row.key & 0xffff);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_a_client_can_send_is_in_the_table_once() {
        // What only servers send.
        let from_server = |name: &str| {
            let ok = name.ends_with("-ok")
                && !["connection.start-ok", "connection.secure-ok", "connection.tune-ok"].contains(&name);
            let both = ["connection.close-ok", "channel.close-ok", "channel.flow-ok", "basic.cancel-ok"];
            let only = [
                "connection.start",
                "connection.secure",
                "connection.tune",
                "connection.blocked",
                "connection.unblocked",
            ];
            let content = ["basic.return", "basic.deliver", "basic.get-empty"];
            (ok && !both.contains(&name)) || only.contains(&name) || content.contains(&name)
        };
        for (key, name) in methods::ALL {
            let rows = operations().filter(|row| row.key == *key).count();
            assert_eq!(rows, usize::from(!from_server(name)), "{name}");
        }
    }

    #[test]
    fn the_page_has_a_row_for_each() {
        let page = compatibility_markdown();
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), operations().count());
        assert!(page.contains(
            "| `basic.publish` | 60,40 | partial | `immediate=true` is refused with 540, as RabbitMQ does |"
        ));
        assert!(!page.contains("| `?` |"));
    }
}
