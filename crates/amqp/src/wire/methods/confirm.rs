//! Class 85, `confirm` (RabbitMQ): publisher confirms.

use super::{Encode, WireError, encode_method, read_bits, write_bits};

methods! { 85:
    /// Client: confirm what I publish on this channel.
    10 "confirm.select" Select {} [nowait] {};
    /// Server: will do.
    11 "confirm.select-ok" SelectOk {} [] {};
}
