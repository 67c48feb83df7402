//! Reply codes, and what can be wrong with bytes.

use std::fmt;

use anymq_types::props::PropsError;
use anymq_types::value::ValueError;

/// A reply code (section 1.2 of the specification's constants).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplyCode(pub u16);

impl ReplyCode {
    /// No error.
    pub const SUCCESS: ReplyCode = ReplyCode(200);
}

macro_rules! reply_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl ReplyCode {
            $($(#[$doc])* pub const $name: ReplyCode = ReplyCode($code);)*

            /// The constant's name, as it begins a reply text.
            pub fn name(self) -> &'static str {
                match self.0 {
                    200 => "REPLY_SUCCESS",
                    $($code => stringify!($name),)*
                    _ => "UNKNOWN",
                }
            }

            /// Whether it closes a channel only; all others close the connection.
            pub fn is_soft(self) -> bool {
                matches!(self.0, 311..=313 | 403..=406)
            }
        }
    };
}

reply_codes! {
    /// The body is larger than the server takes.
    CONTENT_TOO_LARGE = 311;
    /// A mandatory message reached no queue.
    NO_ROUTE = 312;
    /// An immediate message reached no consumer.
    NO_CONSUMERS = 313;
    /// An operator or a shutdown closes the connection.
    CONNECTION_FORCED = 320;
    /// No such vhost.
    INVALID_PATH = 402;
    /// Not permitted.
    ACCESS_REFUSED = 403;
    /// No such thing.
    NOT_FOUND = 404;
    /// Somebody else holds it.
    RESOURCE_LOCKED = 405;
    /// A precondition does not hold.
    PRECONDITION_FAILED = 406;
    /// A frame that cannot be decoded.
    FRAME_ERROR = 501;
    /// A frame with an illegal value in it.
    SYNTAX_ERROR = 502;
    /// A method out of turn.
    COMMAND_INVALID = 503;
    /// A channel that is not open, or open already.
    CHANNEL_ERROR = 504;
    /// A frame of a kind that cannot come now.
    UNEXPECTED_FRAME = 505;
    /// Out of some resource.
    RESOURCE_ERROR = 506;
    /// Not allowed in this way.
    NOT_ALLOWED = 530;
    /// Not offered.
    NOT_IMPLEMENTED = 540;
    /// The server's own fault.
    INTERNAL_ERROR = 541;
}

/// The first bytes of a payload, as RabbitMQ prints them in its errors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snippet {
    bytes: [u8; 16],
    len: u8,
    cut: bool,
}

impl Snippet {
    /// The snippet of `payload`.
    pub(crate) fn of(payload: &[u8]) -> Self {
        let len = payload.len().min(16);
        let mut bytes = [0; 16];
        bytes[..len].copy_from_slice(&payload[..len]);
        Snippet { bytes, len: len as u8, cut: payload.len() > 16 }
    }
}

impl fmt::Debug for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As Erlang prints a binary: text if all of it can be printed, else numbers.
impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = &self.bytes[..usize::from(self.len)];
        f.write_str(if self.cut { "first 16 octets = <<" } else { "all octets = <<" })?;
        if !bytes.is_empty() && bytes.iter().all(|byte| matches!(byte, 8..=13 | 27 | b' '..=b'~')) {
            f.write_str("\"")?;
            bytes.iter().try_for_each(|byte| write_char(f, *byte))?;
            f.write_str("\"")?;
        } else {
            for (i, byte) in bytes.iter().enumerate() {
                write!(f, "{}{byte}", if i == 0 { "" } else { "," })?;
            }
        }
        f.write_str(">>")
    }
}

/// A character of an Erlang string.
fn write_char(f: &mut fmt::Formatter<'_>, byte: u8) -> fmt::Result {
    let escape = match byte {
        8 => 'b',
        9 => 't',
        10 => 'n',
        11 => 'v',
        12 => 'f',
        13 => 'r',
        27 => 'e',
        b'"' | b'\\' => char::from(byte),
        _ => return write!(f, "{}", char::from(byte)),
    };
    write!(f, "\\{escape}")
}

/// What is wrong with bytes from the peer; the text is RabbitMQ's where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A frame beyond the negotiated size. The stream is out of step from here on.
    #[error("type {kind}, all octets = <<>>: {{frame_too_large,{size},{max}}}")]
    FrameTooLarge {
        /// Frame type.
        kind: u8,
        /// Payload size announced.
        size: u32,
        /// Payload size allowed.
        max: u32,
    },
    /// The byte after the payload is not 0xCE. The stream is out of step from here on.
    #[error("type {kind}, {snippet}: {{invalid_frame_end_marker,{marker}}}")]
    BadFrameEnd {
        /// Frame type.
        kind: u8,
        /// The byte that was there.
        marker: u8,
        /// The payload's first bytes.
        snippet: Snippet,
    },
    /// A frame type nobody defined, or a payload too short for its type.
    #[error("type {kind}, {snippet}: unknown_frame")]
    UnknownFrame {
        /// Frame type.
        kind: u8,
        /// The payload's first bytes.
        snippet: Snippet,
    },
    /// A method nobody defined.
    #[error("unknown method {class_id},{method_id}")]
    UnknownMethod {
        /// Class id.
        class_id: u16,
        /// Method id.
        method_id: u16,
    },
    /// Arguments cut short or followed by more bytes.
    #[error("cannot decode the arguments of method {class_id},{method_id}")]
    BadArguments {
        /// Class id.
        class_id: u16,
        /// Method id.
        method_id: u16,
    },
    /// A short string that is not UTF-8.
    #[error("Malformed UTF-8 in shortstr")]
    BadText,
    /// A field table that does not parse.
    #[error("{0}")]
    BadTable(ValueError),
    /// A property block that does not parse.
    #[error("{0}")]
    BadProps(PropsError),
}

impl WireError {
    /// The code the connection is closed with.
    pub fn code(&self) -> ReplyCode {
        match self {
            WireError::FrameTooLarge { .. }
            | WireError::BadFrameEnd { .. }
            | WireError::UnknownFrame { .. }
            | WireError::BadArguments { .. }
            | WireError::BadText => ReplyCode::FRAME_ERROR,
            WireError::BadTable(_) | WireError::BadProps(_) => ReplyCode::SYNTAX_ERROR,
            WireError::UnknownMethod { .. } => ReplyCode::COMMAND_INVALID,
        }
    }

    /// Whether the next frame cannot be found any more.
    pub fn is_out_of_step(&self) -> bool {
        matches!(self, WireError::FrameTooLarge { .. } | WireError::BadFrameEnd { .. })
    }
}

impl From<ValueError> for WireError {
    fn from(error: ValueError) -> Self {
        WireError::BadTable(error)
    }
}

impl From<PropsError> for WireError {
    fn from(error: PropsError) -> Self {
        WireError::BadProps(error)
    }
}
