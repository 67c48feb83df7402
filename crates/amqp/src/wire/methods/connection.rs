//! Class 10, `connection`: handshake, tuning, closing, and being blocked.

use anymq_types::value::TableRef;

use super::{Arg, Encode, WireError, encode_method, read_bits, write_bits};

methods! { 10:
    /// Server: protocol version, who I am, how to log in.
    10 "connection.start" Start<'a> {
        version_major: u8, version_minor: u8, server_properties: TableRef<'a>,
        /// Space-separated.
        mechanisms: &'a [u8],
        /// Space-separated.
        locales: &'a [u8]
    } [] {};
    /// Client: who I am, and the first step of the login.
    11 "connection.start-ok" StartOk<'a> {
        client_properties: TableRef<'a>, mechanism: &'a str, response: &'a [u8], locale: &'a str
    } [] {};
    /// Server: next challenge of the login.
    20 "connection.secure" Secure<'a> { challenge: &'a [u8] } [] {};
    /// Client: its answer.
    21 "connection.secure-ok" SecureOk<'a> { response: &'a [u8] } [] {};
    /// Server: limits it offers; 0 is none. Heartbeat in seconds.
    30 "connection.tune" Tune { channel_max: u16, frame_max: u32, heartbeat: u16 } [] {};
    /// Client: limits it takes.
    31 "connection.tune-ok" TuneOk { channel_max: u16, frame_max: u32, heartbeat: u16 } [] {};
    /// Client: opens a vhost.
    40 "connection.open" Open<'a> { virtual_host: &'a str, reserved_1: &'a str } [reserved_2] {};
    /// Server: it is open.
    41 "connection.open-ok" OpenOk<'a> { reserved_1: &'a str } [] {};
    /// Either: ends the connection. Ids name the method at fault, 0 if none.
    50 "connection.close" Close<'a> {
        reply_code: u16, reply_text: &'a str, class_id: u16, method_id: u16
    } [] {};
    /// Either: answer to close.
    51 "connection.close-ok" CloseOk {} [] {};
    /// Server: publishers are held back (RabbitMQ).
    60 "connection.blocked" Blocked<'a> { reason: &'a str } [] {};
    /// Server: no longer (RabbitMQ).
    61 "connection.unblocked" Unblocked {} [] {};
    /// Client: new credentials (RabbitMQ).
    70 "connection.update-secret" UpdateSecret<'a> { new_secret: &'a [u8], reason: &'a str } [] {};
    /// Server: taken.
    71 "connection.update-secret-ok" UpdateSecretOk {} [] {};
}
