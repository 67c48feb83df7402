//! Messages on the wire: content header, body frames, and `basic.deliver` with both in one go.

use super::{CLASS_BASIC, FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_METHOD, FRAME_OVERHEAD};

/// A content header in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHeader<'a> {
    /// Class of the method before it.
    pub class_id: u16,
    /// Must be 0.
    pub weight: u16,
    /// Bytes of body that follow.
    pub body_size: u64,
    /// Property block (see `types::props`), not looked into.
    pub props: &'a [u8],
}

impl<'a> ContentHeader<'a> {
    #[inline]
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let (head, props) = payload.split_first_chunk::<12>()?;
        let (fixed, size) = head.split_first_chunk::<4>()?;
        Some(ContentHeader {
            class_id: u16::from_be_bytes([fixed[0], fixed[1]]),
            weight: u16::from_be_bytes([fixed[2], fixed[3]]),
            body_size: u64::from_be_bytes(size.try_into().ok()?),
            props,
        })
    }
}

/// Appends header and body frames for a message of class basic.
///
/// `frame_max` is the negotiated size of a whole frame, 0 for no limit; the body is split at it. The property block is
/// not split: the caller knows that it fits.
pub fn encode_content(channel: u16, props: &[u8], body: &[u8], frame_max: u32, out: &mut Vec<u8>) {
    out.reserve(props.len() + body.len() + 48);
    put_content(channel, props, body, frame_max, out);
}

#[inline]
fn put_content(channel: u16, props: &[u8], body: &[u8], frame_max: u32, out: &mut Vec<u8>) {
    let [ch1, ch0] = channel.to_be_bytes();
    let [s3, s2, s1, s0] = ((12 + props.len()) as u32).to_be_bytes();
    let [b7, b6, b5, b4, b3, b2, b1, b0] = (body.len() as u64).to_be_bytes();
    let class = CLASS_BASIC as u8;
    let head = [FRAME_HEADER, ch1, ch0, s3, s2, s1, s0, 0, class, 0, 0, b7, b6, b5, b4, b3, b2, b1, b0];
    out.extend_from_slice(&head);
    out.extend_from_slice(props);
    if body.is_empty() || (frame_max != 0 && body.len() + FRAME_OVERHEAD > frame_max as usize) {
        out.push(FRAME_END);
        return encode_body(channel, body, frame_max, out);
    }
    let [s3, s2, s1, s0] = (body.len() as u32).to_be_bytes();
    out.extend_from_slice(&[FRAME_END, FRAME_BODY, ch1, ch0, s3, s2, s1, s0]);
    out.extend_from_slice(body);
    out.push(FRAME_END);
}

/// Appends body frames, none for an empty body.
pub fn encode_body(channel: u16, body: &[u8], frame_max: u32, out: &mut Vec<u8>) {
    let [ch1, ch0] = channel.to_be_bytes();
    let piece_max = match frame_max {
        0 => u32::MAX as usize,
        max => (max as usize).saturating_sub(FRAME_OVERHEAD).max(1),
    };
    for piece in body.chunks(piece_max) {
        let [s3, s2, s1, s0] = (piece.len() as u32).to_be_bytes();
        out.extend_from_slice(&[FRAME_BODY, ch1, ch0, s3, s2, s1, s0]);
        out.extend_from_slice(piece);
        out.push(FRAME_END);
    }
}

/// A `basic.deliver` with its message: the hot path of sending.
#[derive(Clone, Copy, Debug)]
pub struct Deliver<'a> {
    /// Channel number.
    pub channel: u16,
    /// Consumer tag, at most 255 bytes.
    pub consumer_tag: &'a [u8],
    /// Delivery tag.
    pub delivery_tag: u64,
    /// Delivered before.
    pub redelivered: bool,
    /// Exchange, at most 255 bytes.
    pub exchange: &'a [u8],
    /// Routing key, at most 255 bytes.
    pub routing_key: &'a [u8],
    /// Property block.
    pub props: &'a [u8],
    /// Body.
    pub body: &'a [u8],
}

impl Deliver<'_> {
    /// Appends method, header and body frames.
    ///
    /// # Panics
    /// If a name is beyond 255 bytes: records and consumers hold none.
    #[inline]
    pub fn encode(&self, frame_max: u32, out: &mut Vec<u8>) {
        let names = self.consumer_tag.len() + self.exchange.len() + self.routing_key.len();
        out.reserve(names + self.props.len() + self.body.len() + 64);
        let short = |bytes: &[u8]| u8::try_from(bytes.len()).expect("a short string is at most 255 bytes");
        let [ch1, ch0] = self.channel.to_be_bytes();
        let [s3, s2, s1, s0] = ((16 + names) as u32).to_be_bytes();
        let class = CLASS_BASIC as u8;
        let tag_len = short(self.consumer_tag);
        out.extend_from_slice(&[FRAME_METHOD, ch1, ch0, s3, s2, s1, s0, 0, class, 0, 60, tag_len]);
        out.extend_from_slice(self.consumer_tag);
        let [t7, t6, t5, t4, t3, t2, t1, t0] = self.delivery_tag.to_be_bytes();
        let redelivered = u8::from(self.redelivered);
        out.extend_from_slice(&[t7, t6, t5, t4, t3, t2, t1, t0, redelivered, short(self.exchange)]);
        out.extend_from_slice(self.exchange);
        out.push(short(self.routing_key));
        out.extend_from_slice(self.routing_key);
        out.push(FRAME_END);
        put_content(self.channel, self.props, self.body, frame_max, out);
    }
}

/// A `basic.publish` with its header and its body in one frame or none: the hot path of receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholePublish<'a> {
    /// Channel number.
    pub channel: u16,
    /// Exchange; UTF-8.
    pub exchange: &'a [u8],
    /// Routing key; UTF-8.
    pub routing_key: &'a [u8],
    /// Send it back if it reaches no queue.
    pub mandatory: bool,
    /// Content header.
    pub header: ContentHeader<'a>,
    /// Body.
    pub body: &'a [u8],
}

impl<'a> WholePublish<'a> {
    /// The message at the start of `buf` and the bytes its frames take. `None` if there is anything else, or anything
    /// unusual about it: then the frames are to be taken one by one, which finds out what it is.
    #[inline]
    pub fn parse(buf: &'a [u8], frame_max: u32) -> Option<(Self, usize)> {
        let (channel, payload, after) = raw_frame(buf, FRAME_METHOD, frame_max)?;
        // Class 60, method 40; a ticket nobody looks at.
        let ([0, 60, 0, 40, _, _], args) = payload.split_first_chunk::<6>()? else { return None };
        let (exchange, args) = short(args)?;
        let (routing_key, args) = short(args)?;
        let &[bits @ 0..=1] = args else { return None };
        let (header_channel, payload, after) = raw_frame(after, FRAME_HEADER, frame_max)?;
        let header = ContentHeader::parse(payload)?;
        let (body_channel, body, after) = match header.body_size {
            0 => (channel, &[][..], after),
            _ => raw_frame(after, FRAME_BODY, frame_max)?,
        };
        if header_channel != channel || body_channel != channel || body.len() as u64 != header.body_size {
            return None;
        }
        let publish = WholePublish { channel, exchange, routing_key, mandatory: bits == 1, header, body };
        Some((publish, buf.len() - after.len()))
    }
}

/// Channel and payload of the frame of type `kind` at the start of `buf`, and what follows it.
#[inline]
fn raw_frame(buf: &[u8], kind: u8, frame_max: u32) -> Option<(u16, &[u8], &[u8])> {
    let (&[is, c1, c0, s3, s2, s1, s0], after) = buf.split_first_chunk::<7>()?;
    let size = u32::from_be_bytes([s3, s2, s1, s0]);
    if is != kind || (frame_max != 0 && size > frame_max) {
        return None;
    }
    let (payload, after) = after.split_at_checked(size as usize)?;
    let (&FRAME_END, after) = after.split_first()? else { return None };
    Some((u16::from_be_bytes([c1, c0]), payload, after))
}

/// A short string and what follows it.
#[inline]
fn short(args: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, after) = args.split_first()?;
    let (text, after) = after.split_at_checked(len.into())?;
    // Nearly all names are ASCII, which is cheaper to see.
    (text.is_ascii() || std::str::from_utf8(text).is_ok()).then_some((text, after))
}
