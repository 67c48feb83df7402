//! Frames: finding the next one in a buffer, and what it asks for.

use super::apis::ApiKey;
use super::errors::WireError;
use super::message::{Field, Version};
use super::primitives::Reader;

/// Largest request, in bytes, unless configured (`socket.request.max.bytes`).
pub const FRAME_BYTES_MAX: usize = 100 << 20;

/// The content of the frame at the start of `buf` and the bytes it takes with its size; `None` if more bytes are
/// needed.
///
/// # Errors
/// [`WireError::FrameSize`] as soon as the size is there, if it is negative or above `max`. Nothing after it can be
/// found.
#[inline]
pub fn split_frame(buf: &[u8], max: usize) -> Result<Option<(&[u8], usize)>, WireError> {
    let Some((size, after)) = buf.split_first_chunk::<4>() else { return Ok(None) };
    let size = i32::from_be_bytes(*size);
    let len =
        usize::try_from(size).ok().filter(|len| *len <= max).ok_or(WireError::FrameSize { size, max })?;
    Ok(after.get(..len).map(|content| (content, len + 4)))
}

/// What stands before every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// What is asked.
    pub api: ApiKey,
    /// In which version. In range, unless `api` is `ApiVersions`: a client may ask that in any version.
    pub version: i16,
    /// To be repeated in the response.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<&'a str>,
}

impl<'a> RequestHeader<'a> {
    /// The header of a frame, and the request's body.
    ///
    /// # Errors
    /// Cut short; an api or a version that is not known, after which a Kafka server closes the connection.
    pub fn parse(frame: &'a [u8]) -> Result<(Self, Reader<'a>), WireError> {
        let plain = Version { number: 0, flexible: false };
        let mut input = Reader::new(frame);
        let code = i16::read(&mut input, plain)?;
        let version = i16::read(&mut input, plain)?;
        let correlation_id = i32::read(&mut input, plain)?;
        let api = ApiKey::from_code(code).ok_or(WireError::UnknownApi { code })?;
        let known = api.decodes().contains(&version);
        if !known && api != ApiKey::ApiVersions {
            return Err(WireError::UnsupportedVersion { api, version });
        }
        // The client id keeps its old form in flexible headers, so that any server can read it.
        let client_id = Option::<&str>::read(&mut input, plain)?;
        if known && api.version(version).flexible {
            input.skip_tags()?;
        }
        Ok((RequestHeader { api, version, correlation_id, client_id }, input))
    }

    /// Whether this is an `ApiVersions` in a version that is not known, to be answered in version 0 with
    /// `UNSUPPORTED_VERSION` and the versions that are.
    pub fn is_from_the_future(&self) -> bool {
        !self.api.decodes().contains(&self.version)
    }
}
