//! A socket's bytes: frames are found, methods decoded, content headers' properties parsed; nothing panics, and what is
//! consumed adds up.
#![no_main]

use anymq_amqp::wire::{Payload, parse_frame};
use anymq_types::props::PropsRef;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some((frame, len))) = parse_frame(rest, 131_072) {
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
});
