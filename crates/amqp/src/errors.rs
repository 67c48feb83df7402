//! What clients hear when something is wrong: the hall's kinds and the codec's errors as reply codes and texts.

use anymq_broker::{Error, ErrorKind};

use crate::wire::{ReplyCode, WireError};

/// Longest reply text, in bytes.
const REPLY_TEXT_MAX: usize = 255;

/// An error that closes a channel, or the connection, as its code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AmqpError {
    pub(crate) code: ReplyCode,
    /// The explanation after the code's name.
    pub(crate) text: String,
    /// Class and method at fault; 0, 0 if none.
    pub(crate) method: (u16, u16),
    /// The client's next frame cannot be found any more.
    pub(crate) out_of_step: bool,
}

pub(crate) type Result<T> = std::result::Result<T, AmqpError>;

impl AmqpError {
    pub(crate) fn new(code: ReplyCode, text: impl Into<String>) -> Self {
        AmqpError { code, text: text.into(), method: (0, 0), out_of_step: false }
    }

    /// 406 on the channel.
    pub(crate) fn precondition(text: impl Into<String>) -> Self {
        AmqpError::new(ReplyCode::PRECONDITION_FAILED, text)
    }

    /// 540 on the connection.
    pub(crate) fn not_implemented(text: impl Into<String>) -> Self {
        AmqpError::new(ReplyCode::NOT_IMPLEMENTED, text)
    }

    /// 504 on the connection.
    pub(crate) fn channel_error(text: impl Into<String>) -> Self {
        AmqpError::new(ReplyCode::CHANNEL_ERROR, text)
    }

    /// 505 on the connection.
    pub(crate) fn unexpected_frame(text: impl Into<String>) -> Self {
        AmqpError::new(ReplyCode::UNEXPECTED_FRAME, text)
    }

    /// 530 on the connection.
    pub(crate) fn not_allowed(text: impl Into<String>) -> Self {
        AmqpError::new(ReplyCode::NOT_ALLOWED, text)
    }

    /// The same error, blamed on a method unless it is blamed on one already.
    pub(crate) fn at(mut self, class_id: u16, method_id: u16) -> Self {
        if self.method == (0, 0) {
            self.method = (class_id, method_id);
        }
        self
    }

    /// `NAME - explanation`, cut to what a short string holds.
    pub(crate) fn reply_text(&self) -> String {
        let text = format!("{} - {}", self.code.name(), self.text);
        if text.len() <= REPLY_TEXT_MAX { text } else { format!("{}...", clip(&text, REPLY_TEXT_MAX - 3)) }
    }
}

/// The longest prefix of `text` of at most `max` bytes.
pub(crate) fn clip(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// The reply code of each kind of the hall's errors.
#[deny(clippy::wildcard_enum_match_arm)]
pub(crate) fn reply_code(kind: ErrorKind) -> ReplyCode {
    match kind {
        ErrorKind::NotFound => ReplyCode::NOT_FOUND,
        ErrorKind::Conflict
        | ErrorKind::Invalid
        | ErrorKind::InUse
        | ErrorKind::TooLarge
        | ErrorKind::Exhausted => ReplyCode::PRECONDITION_FAILED,
        ErrorKind::Forbidden => ReplyCode::ACCESS_REFUSED,
        ErrorKind::Locked => ReplyCode::RESOURCE_LOCKED,
        ErrorKind::NotAllowed => ReplyCode::NOT_ALLOWED,
        ErrorKind::NotImplemented => ReplyCode::NOT_IMPLEMENTED,
        ErrorKind::Unavailable => ReplyCode::RESOURCE_ERROR,
        ErrorKind::Corrupt => ReplyCode::INTERNAL_ERROR,
    }
}

impl From<Error> for AmqpError {
    fn from(error: Error) -> Self {
        AmqpError::new(reply_code(error.kind), error.text)
    }
}

impl From<WireError> for AmqpError {
    fn from(error: WireError) -> Self {
        let method = match error {
            WireError::UnknownMethod { class_id, method_id }
            | WireError::BadArguments { class_id, method_id } => (class_id, method_id),
            _ => (0, 0),
        };
        AmqpError { code: error.code(), text: error.to_string(), method, out_of_step: error.is_out_of_step() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_where_a_character_ends() {
        let short = AmqpError::precondition("unknown delivery tag 7");
        assert_eq!(short.reply_text(), "PRECONDITION_FAILED - unknown delivery tag 7");
        let long = AmqpError::precondition("ж".repeat(200)).reply_text();
        assert!(long.len() <= REPLY_TEXT_MAX && long.ends_with("ж..."), "{long}");
    }

    #[test]
    fn blame_stays_with_the_first_method() {
        let error = AmqpError::not_allowed("x").at(60, 20).at(60, 40);
        assert_eq!(error.method, (60, 20));
    }

    #[test]
    fn every_kind_has_the_code_clients_expect() {
        let cases = [
            (ErrorKind::NotFound, 404),
            (ErrorKind::Conflict, 406),
            (ErrorKind::Invalid, 406),
            (ErrorKind::Forbidden, 403),
            (ErrorKind::Locked, 405),
            (ErrorKind::InUse, 406),
            (ErrorKind::TooLarge, 406),
            (ErrorKind::NotAllowed, 530),
            (ErrorKind::NotImplemented, 540),
            (ErrorKind::Exhausted, 406),
            (ErrorKind::Unavailable, 506),
            (ErrorKind::Corrupt, 541),
        ];
        for (kind, code) in cases {
            assert_eq!(reply_code(kind), ReplyCode(code), "{kind:?}");
        }
    }
}
