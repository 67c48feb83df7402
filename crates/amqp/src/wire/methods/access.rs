//! Class 30, `access`: tickets of AMQP 0-8, which some clients still ask for.

use super::{Arg, Encode, WireError, encode_method, read_bits, write_bits};

methods! { 30:
    /// Client: asks for a ticket.
    10 "access.request" Request<'a> { realm: &'a str } [exclusive, passive, active, write, read] {};
    /// Server: here is one, of no use.
    11 "access.request-ok" RequestOk { ticket: u16 } [] {};
}
