//! Class 20, `channel`.

use super::{Arg, Encode, WireError, encode_method, read_bits, write_bits};

methods! { 20:
    /// Client: opens this channel.
    10 "channel.open" Open<'a> { reserved_1: &'a str } [] {};
    /// Server: it is open.
    11 "channel.open-ok" OpenOk<'a> { reserved_1: &'a [u8] } [] {};
    /// Either: start or stop sending content.
    20 "channel.flow" Flow {} [active] {};
    /// Either: will do.
    21 "channel.flow-ok" FlowOk {} [active] {};
    /// Either: ends the channel. Ids name the method at fault, 0 if none.
    40 "channel.close" Close<'a> {
        reply_code: u16, reply_text: &'a str, class_id: u16, method_id: u16
    } [] {};
    /// Either: answer to close.
    41 "channel.close-ok" CloseOk {} [] {};
}
