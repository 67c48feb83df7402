//! Class 50, `queue`.

use anymq_types::value::TableRef;

use super::{Arg, Encode, WireError, encode_method, read_bits, write_bits};

methods! { 50:
    /// Client: creates or checks a queue.
    10 "queue.declare" Declare<'a> { ticket: u16, queue: &'a str }
        [passive, durable, exclusive, auto_delete, nowait] { arguments: TableRef<'a> };
    /// Server: its name and counts.
    11 "queue.declare-ok" DeclareOk<'a> { queue: &'a str, message_count: u32, consumer_count: u32 } [] {};
    /// Client: binds queue to exchange.
    20 "queue.bind" Bind<'a> {
        ticket: u16, queue: &'a str, exchange: &'a str, routing_key: &'a str
    } [nowait] { arguments: TableRef<'a> };
    /// Server: bound.
    21 "queue.bind-ok" BindOk {} [] {};
    /// Client: removes all ready messages.
    30 "queue.purge" Purge<'a> { ticket: u16, queue: &'a str } [nowait] {};
    /// Server: how many.
    31 "queue.purge-ok" PurgeOk { message_count: u32 } [] {};
    /// Client: deletes a queue.
    40 "queue.delete" Delete<'a> { ticket: u16, queue: &'a str } [if_unused, if_empty, nowait] {};
    /// Server: how many messages went with it.
    41 "queue.delete-ok" DeleteOk { message_count: u32 } [] {};
    /// Client: undoes a binding.
    50 "queue.unbind" Unbind<'a> {
        ticket: u16, queue: &'a str, exchange: &'a str, routing_key: &'a str, arguments: TableRef<'a>
    } [] {};
    /// Server: unbound.
    51 "queue.unbind-ok" UnbindOk {} [] {};
}
