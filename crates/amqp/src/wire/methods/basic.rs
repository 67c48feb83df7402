//! Class 60, `basic`: messages.

use anymq_types::value::TableRef;

use super::{Arg, Encode, WireError, encode_method, read_bits, write_bits};

methods! { 60:
    /// Client: how many messages may be unacknowledged.
    10 "basic.qos" Qos { prefetch_size: u32, prefetch_count: u16 } [global] {};
    /// Server: so be it.
    11 "basic.qos-ok" QosOk {} [] {};
    /// Client: starts a consumer.
    20 "basic.consume" Consume<'a> { ticket: u16, queue: &'a str, consumer_tag: &'a str }
        [no_local, no_ack, exclusive, nowait] { arguments: TableRef<'a> };
    /// Server: started.
    21 "basic.consume-ok" ConsumeOk<'a> { consumer_tag: &'a str } [] {};
    /// Either: ends a consumer.
    30 "basic.cancel" Cancel<'a> { consumer_tag: &'a str } [nowait] {};
    /// Either: ended.
    31 "basic.cancel-ok" CancelOk<'a> { consumer_tag: &'a str } [] {};
    /// Client: a message follows.
    40 "basic.publish" Publish<'a> { ticket: u16, exchange: &'a str, routing_key: &'a str }
        [mandatory, immediate] {};
    /// Server: a message comes back.
    50 "basic.return" Return<'a> {
        reply_code: u16, reply_text: &'a str, exchange: &'a str, routing_key: &'a str
    } [] {};
    /// Server: a message for a consumer follows.
    60 "basic.deliver" Deliver<'a> { consumer_tag: &'a str, delivery_tag: u64 }
        [redelivered] { exchange: &'a str, routing_key: &'a str };
    /// Client: asks for one message.
    70 "basic.get" Get<'a> { ticket: u16, queue: &'a str } [no_ack] {};
    /// Server: here it is.
    71 "basic.get-ok" GetOk<'a> { delivery_tag: u64 } [redelivered] {
        exchange: &'a str, routing_key: &'a str,
        /// Ready messages left.
        message_count: u32
    };
    /// Server: there is none.
    72 "basic.get-empty" GetEmpty<'a> { reserved_1: &'a str } [] {};
    /// Either: done with a message, or with all up to it.
    80 "basic.ack" Ack { delivery_tag: u64 } [multiple] {};
    /// Client: not done with a message.
    90 "basic.reject" Reject { delivery_tag: u64 } [requeue] {};
    /// Client: give all unacknowledged messages again, without a reply.
    100 "basic.recover-async" RecoverAsync {} [requeue] {};
    /// Client: give all unacknowledged messages again.
    110 "basic.recover" Recover {} [requeue] {};
    /// Server: will do.
    111 "basic.recover-ok" RecoverOk {} [] {};
    /// Either: not done with a message, or with all up to it (RabbitMQ).
    120 "basic.nack" Nack { delivery_tag: u64 } [multiple, requeue] {};
}
