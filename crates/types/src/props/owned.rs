//! Properties that own what they hold.

use super::{PropsError, PropsRef, flag};
use crate::limits::PROPS_BYTES_MAX;
use crate::value::{Table, Text};

/// Every property of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// MIME type of the body.
    pub content_type: Option<Text>,
    /// Encoding of the body.
    pub content_encoding: Option<Text>,
    /// Typed headers.
    pub headers: Option<Table>,
    /// 2 is persistent.
    pub delivery_mode: Option<u8>,
    /// 0..=255.
    pub priority: Option<u8>,
    /// Ties a reply to its request.
    pub correlation_id: Option<Text>,
    /// Where to reply.
    pub reply_to: Option<Text>,
    /// Time to live in milliseconds, as decimal text.
    pub expiration: Option<Text>,
    /// The application's id of the message.
    pub message_id: Option<Text>,
    /// Seconds since the Unix epoch by convention.
    pub timestamp: Option<u64>,
    /// The application's type of the message.
    pub type_: Option<Text>,
    /// The publisher's user.
    pub user_id: Option<Text>,
    /// The publishing application.
    pub app_id: Option<Text>,
    /// Deprecated, carried along.
    pub cluster_id: Option<Text>,
}

impl Properties {
    /// The properties of a block, headers checked.
    ///
    /// # Errors
    /// As [`PropsRef::parse`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PropsError> {
        Ok(PropsRef::parse(bytes)?.into())
    }

    /// Appends the block.
    ///
    /// # Errors
    /// A string, name or table too long to encode, or a block longer than [`PROPS_BYTES_MAX`].
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), PropsError> {
        let start = out.len();
        out.extend_from_slice(&self.flags().to_be_bytes());
        put_short(out, self.content_type.as_ref())?;
        put_short(out, self.content_encoding.as_ref())?;
        if let Some(headers) = &self.headers {
            headers.encode(out)?;
        }
        out.extend(self.delivery_mode);
        out.extend(self.priority);
        put_short(out, self.correlation_id.as_ref())?;
        put_short(out, self.reply_to.as_ref())?;
        put_short(out, self.expiration.as_ref())?;
        put_short(out, self.message_id.as_ref())?;
        out.extend(self.timestamp.into_iter().flat_map(u64::to_be_bytes));
        put_short(out, self.type_.as_ref())?;
        put_short(out, self.user_id.as_ref())?;
        put_short(out, self.app_id.as_ref())?;
        put_short(out, self.cluster_id.as_ref())?;
        if out.len() - start > PROPS_BYTES_MAX { Err(PropsError::TooLong) } else { Ok(()) }
    }

    fn flags(&self) -> u16 {
        let bit = |present: bool, flag: u16| if present { flag } else { 0 };
        bit(self.content_type.is_some(), flag::CONTENT_TYPE)
            | bit(self.content_encoding.is_some(), flag::CONTENT_ENCODING)
            | bit(self.headers.is_some(), flag::HEADERS)
            | bit(self.delivery_mode.is_some(), flag::DELIVERY_MODE)
            | bit(self.priority.is_some(), flag::PRIORITY)
            | bit(self.correlation_id.is_some(), flag::CORRELATION_ID)
            | bit(self.reply_to.is_some(), flag::REPLY_TO)
            | bit(self.expiration.is_some(), flag::EXPIRATION)
            | bit(self.message_id.is_some(), flag::MESSAGE_ID)
            | bit(self.timestamp.is_some(), flag::TIMESTAMP)
            | bit(self.type_.is_some(), flag::TYPE)
            | bit(self.user_id.is_some(), flag::USER_ID)
            | bit(self.app_id.is_some(), flag::APP_ID)
            | bit(self.cluster_id.is_some(), flag::CLUSTER_ID)
    }
}

impl From<PropsRef<'_>> for Properties {
    fn from(props: PropsRef<'_>) -> Self {
        Properties {
            content_type: props.content_type().map(Text::from),
            content_encoding: props.content_encoding().map(Text::from),
            headers: props.headers().map(Table::from),
            delivery_mode: props.delivery_mode(),
            priority: props.priority(),
            correlation_id: props.correlation_id().map(Text::from),
            reply_to: props.reply_to().map(Text::from),
            expiration: props.expiration().map(Text::from),
            message_id: props.message_id().map(Text::from),
            timestamp: props.timestamp(),
            type_: props.type_().map(Text::from),
            user_id: props.user_id().map(Text::from),
            app_id: props.app_id().map(Text::from),
            cluster_id: props.cluster_id().map(Text::from),
        }
    }
}

fn put_short(out: &mut Vec<u8>, text: Option<&Text>) -> Result<(), PropsError> {
    text.map_or(Ok(()), |text| put_short_bytes(out, text.as_bytes()))
}

pub(super) fn put_short_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), PropsError> {
    out.push(u8::try_from(bytes.len()).map_err(|_| PropsError::TooLong)?);
    out.extend_from_slice(bytes);
    Ok(())
}
