//! Class 40, `exchange`.

use anymq_types::value::TableRef;

use super::{Arg, Encode, WireError, encode_method, read_bits, write_bits};

methods! { 40:
    /// Client: creates or checks an exchange.
    10 "exchange.declare" Declare<'a> {
        ticket: u16, exchange: &'a str,
        /// `direct`, `fanout`, `topic`, `headers`, `x-…`.
        kind: &'a str
    } [passive, durable, auto_delete, internal, nowait] { arguments: TableRef<'a> };
    /// Server: it is there.
    11 "exchange.declare-ok" DeclareOk {} [] {};
    /// Client: deletes an exchange.
    20 "exchange.delete" Delete<'a> { ticket: u16, exchange: &'a str } [if_unused, nowait] {};
    /// Server: it is gone.
    21 "exchange.delete-ok" DeleteOk {} [] {};
    /// Client: binds exchange to exchange (RabbitMQ).
    30 "exchange.bind" Bind<'a> {
        ticket: u16, destination: &'a str, source: &'a str, routing_key: &'a str
    } [nowait] { arguments: TableRef<'a> };
    /// Server: bound.
    31 "exchange.bind-ok" BindOk {} [] {};
    /// Client: undoes a binding (RabbitMQ).
    40 "exchange.unbind" Unbind<'a> {
        ticket: u16, destination: &'a str, source: &'a str, routing_key: &'a str
    } [nowait] { arguments: TableRef<'a> };
    /// Server: unbound. 51, not 41: an oddity that stayed.
    51 "exchange.unbind-ok" UnbindOk {} [] {};
}
