//! Frames: finding the next one in a buffer, and writing the small ones.

use super::error::Snippet;
use super::{
    ContentHeader, FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD, FRAME_OVERHEAD,
    Method, WireError,
};

/// A frame in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Channel number; 0 is the connection itself.
    pub channel: u16,
    /// What it carries.
    pub payload: Payload<'a>,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A method, arguments not decoded yet.
    Method(MethodRef<'a>),
    /// The header of a message.
    Header(ContentHeader<'a>),
    /// A piece of a message's body.
    Body(&'a [u8]),
    /// I am alive.
    Heartbeat,
}

/// A method whose arguments are not decoded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodRef<'a> {
    /// Class id.
    pub class_id: u16,
    /// Method id.
    pub method_id: u16,
    /// The arguments' bytes.
    pub args: &'a [u8],
}

impl<'a> MethodRef<'a> {
    /// `class id << 16 | method id`, to compare with the `KEY` of a method struct.
    #[inline]
    pub fn key(&self) -> u32 {
        u32::from(self.class_id) << 16 | u32::from(self.method_id)
    }

    /// The method with its arguments.
    ///
    /// # Errors
    /// Not defined, cut short, trailing bytes, a short string that is not UTF-8, a bad table.
    pub fn decode(&self) -> Result<Method<'a>, WireError> {
        Method::decode(self)
    }
}

/// The frame at the start of `buf` and the bytes it takes; `None` if more bytes are needed.
///
/// `frame_max` is the negotiated size of a whole frame, 0 for no limit. Eight bytes more are let pass, as RabbitMQ does:
/// many clients count the frame's overhead wrongly.
///
/// # Errors
/// [`WireError::FrameTooLarge`] as soon as the size is there, [`WireError::BadFrameEnd`], [`WireError::UnknownFrame`].
#[inline]
pub fn parse_frame(buf: &[u8], frame_max: u32) -> Result<Option<(Frame<'_>, usize)>, WireError> {
    let Some((head, after)) = buf.split_first_chunk::<7>() else { return Ok(None) };
    let kind = head[0];
    let channel = u16::from_be_bytes([head[1], head[2]]);
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    if frame_max != 0 && size > frame_max {
        return Err(WireError::FrameTooLarge { kind, size, max: frame_max - FRAME_OVERHEAD as u32 });
    }
    let size = size as usize;
    let Some(&marker) = after.get(size) else { return Ok(None) };
    let payload = &after[..size];
    if marker != FRAME_END {
        return Err(WireError::BadFrameEnd { kind, marker, snippet: Snippet::of(payload) });
    }
    let payload = match (kind, payload) {
        (FRAME_METHOD, [c1, c0, m1, m0, args @ ..]) => Payload::Method(MethodRef {
            class_id: u16::from_be_bytes([*c1, *c0]),
            method_id: u16::from_be_bytes([*m1, *m0]),
            args,
        }),
        (FRAME_BODY, body) => Payload::Body(body),
        (FRAME_HEADER, payload) => match ContentHeader::parse(payload) {
            Some(header) => Payload::Header(header),
            None => return Err(WireError::UnknownFrame { kind, snippet: Snippet::of(payload) }),
        },
        (FRAME_HEARTBEAT, []) => Payload::Heartbeat,
        _ => return Err(WireError::UnknownFrame { kind, snippet: Snippet::of(payload) }),
    };
    Ok(Some((Frame { channel, payload }, size + FRAME_OVERHEAD)))
}

/// Appends a heartbeat.
pub fn encode_heartbeat(out: &mut Vec<u8>) {
    out.extend_from_slice(&[FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END]);
}

/// Appends a method frame whose arguments `args` writes.
pub(crate) fn encode_method(
    channel: u16,
    class_id: u16,
    method_id: u16,
    out: &mut Vec<u8>,
    args: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    let [ch1, ch0] = channel.to_be_bytes();
    let [c1, c0] = class_id.to_be_bytes();
    let [m1, m0] = method_id.to_be_bytes();
    out.extend_from_slice(&[FRAME_METHOD, ch1, ch0, 0, 0, 0, 0, c1, c0, m1, m0]);
    args(out);
    let size = u32::try_from(out.len() - start - 7).expect("a method fits a frame");
    out[start + 3..start + 7].copy_from_slice(&size.to_be_bytes());
    out.push(FRAME_END);
}
