//! AMQP frames, methods and login responses (`amqp::wire`, `amqp::sasl`).

use anymq_amqp::sasl;
use anymq_amqp::wire::methods::{self, ALL};
use anymq_amqp::wire::{Encode, Method, MethodRef, Payload, WholePublish, encode_content, parse_frame};
use anymq_types::props::PropsRef;
use anymq_types::value::TableRef;

/// The frame size that servers offer, in bytes.
const FRAME_MAX: u32 = 131_072;

/// A socket's bytes: frames are found, methods decoded, content headers' properties parsed; what is consumed adds up.
pub fn frames(data: &[u8]) {
    // A message seen whole must be what its frames are one by one.
    if let Some((whole, len)) = WholePublish::parse(data, FRAME_MAX) {
        let (first, at) = parse_frame(data, FRAME_MAX).expect("its method").expect("all of it");
        let Payload::Method(method) = first.payload else { panic!("{first:?}") };
        let Ok(Method::BasicPublish(publish)) = method.decode() else { panic!("{method:?}") };
        let named = (publish.exchange.as_bytes(), publish.routing_key.as_bytes());
        assert_eq!(named, (whole.exchange, whole.routing_key));
        let (second, _) = parse_frame(&data[at..], FRAME_MAX).expect("its header").expect("all of it");
        assert_eq!(second.payload, Payload::Header(whole.header));
        assert!(len <= data.len());
    }
    let mut rest = data;
    while let Ok(Some((frame, len))) = parse_frame(rest, FRAME_MAX) {
        assert!(len >= 8 && len <= rest.len());
        match frame.payload {
            Payload::Method(method) => {
                let _ = method.decode();
            }
            Payload::Header(header) => {
                let _ = PropsRef::parse(header.props);
            }
            Payload::Body(body) => assert_eq!(body.len() + 8, len),
            Payload::Heartbeat => assert_eq!(len, 8),
        }
        rest = &rest[len..];
    }
}

/// Arguments of every method: the first byte chooses the method; what decodes must decode again, to the same, once
/// encoded.
pub fn methods(data: &[u8]) {
    let Some((which, args)) = data.split_first() else { return };
    let key = ALL[usize::from(*which) % ALL.len()].0;
    let raw = MethodRef { class_id: (key >> 16) as u16, method_id: key as u16, args };
    let Ok(method) = raw.decode() else { return };
    let mut out = Vec::new();
    method.encode(1, &mut out);
    let (frame, len) = parse_frame(&out, 0).expect("own frame").expect("whole frame");
    assert_eq!(len, out.len());
    let Payload::Method(again) = frame.payload else { panic!("{frame:?}") };
    assert_eq!(again.decode(), Ok(method));
}

/// Login responses of both mechanisms: what is understood was in the response.
pub fn sasl(data: &[u8]) {
    if let Some(credentials) = sasl::plain(data) {
        let again = [&b"\0"[..], credentials.user, b"\0", credentials.password].concat();
        assert_eq!(again, data);
    }
    if let Ok(credentials) = sasl::amqplain(data) {
        let table = TableRef::parse(data).expect("it was one");
        assert!(table.get("LOGIN").is_some() && table.get("PASSWORD").is_some());
        assert!(credentials.user.len() + credentials.password.len() < data.len());
    }
}

pub(super) fn sasl_seeds() -> Vec<Vec<u8>> {
    vec![
        b"\0guest\0secret".to_vec(),
        b"\0\0".to_vec(),
        b"\x05LOGINS\0\0\0\x02me\x08PASSWORDS\0\0\0\x02pw".to_vec(),
        b"\x05LOGINx\0\0\0\x02me\x08PASSWORDF\0\0\0\x04\x01aV\0".to_vec(),
        b"\x05LOGINS\xff\xff\xff\xff".to_vec(),
    ]
}

pub(super) fn frame_seeds() -> Vec<Vec<u8>> {
    let publish = methods::basic::Publish { routing_key: "key", exchange: "amq.topic", ..Default::default() };
    let mut message = Vec::new();
    publish.encode(1, &mut message);
    encode_content(1, b"\x10\0\x02", b"body", FRAME_MAX, &mut message);
    let mut pieces = Vec::new();
    publish.encode(1, &mut pieces);
    encode_content(1, b"\0\0", &[b'x'; 100], 64, &mut pieces);
    let mut several = Vec::new();
    methods::channel::Open::default().encode(2, &mut several);
    methods::queue::Declare { queue: "q", ..Default::default() }.encode(2, &mut several);
    several.extend_from_slice(b"\x08\0\0\0\0\0\0\xce");
    vec![message, pieces, several, b"\x01\0\0\xff\xff\xff\xff".to_vec(), b"\x03\0\x01\0\0\0\x01ab".to_vec()]
}

pub(super) fn method_seeds() -> Vec<Vec<u8>> {
    // Enough zeros are empty strings, empty tables and small numbers: most methods decode from them.
    let zeros = |which: usize, len: usize| [&[which as u8][..], &vec![0; len]].concat();
    let mut seeds: Vec<_> = (0..ALL.len()).flat_map(|which| (0..24).map(move |len| (which, len))).collect();
    seeds.retain(|&(which, len)| {
        let key = ALL[which].0;
        let args = vec![0; len];
        MethodRef { class_id: (key >> 16) as u16, method_id: key as u16, args: &args }.decode().is_ok()
    });
    seeds.dedup_by_key(|seed| seed.0);
    seeds.into_iter().map(|(which, len)| zeros(which, len)).collect()
}
