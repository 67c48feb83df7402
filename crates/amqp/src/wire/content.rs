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
    let [ch1, ch0] = channel.to_be_bytes();
    put_header(ch1, ch0, props, body.len(), out);
    encode_body(channel, body, frame_max, out);
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

#[inline]
fn put_header(ch1: u8, ch0: u8, props: &[u8], body: usize, out: &mut Vec<u8>) {
    let [s3, s2, s1, s0] = ((12 + props.len()) as u32).to_be_bytes();
    let [b7, b6, b5, b4, b3, b2, b1, b0] = (body as u64).to_be_bytes();
    let class = CLASS_BASIC as u8;
    let head = [FRAME_HEADER, ch1, ch0, s3, s2, s1, s0, 0, class, 0, 0, b7, b6, b5, b4, b3, b2, b1, b0];
    out.extend_from_slice(&head);
    out.extend_from_slice(props);
    out.push(FRAME_END);
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
        put_header(ch1, ch0, self.props, self.body.len(), out);
        encode_body(self.channel, self.body, frame_max, out);
    }
}
