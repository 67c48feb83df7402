//! A socket's bytes: frames are found, methods decoded, content headers' properties parsed; nothing panics, and what is
//! consumed adds up.
#![no_main]

use anymq_amqp::wire::{Method, Payload, WholePublish, parse_frame};
use anymq_types::props::PropsRef;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // A message seen whole must be what its frames are one by one.
    if let Some((whole, len)) = WholePublish::parse(data, 131_072) {
        let (first, at) = parse_frame(data, 131_072).expect("its method").expect("all of it");
        let Payload::Method(method) = first.payload else { panic!("{first:?}") };
        let Ok(Method::BasicPublish(publish)) = method.decode() else { panic!("{method:?}") };
        assert_eq!((publish.exchange.as_bytes(), publish.routing_key.as_bytes()), (whole.exchange, whole.routing_key));
        let (second, _) = parse_frame(&data[at..], 131_072).expect("its header").expect("all of it");
        assert_eq!(second.payload, Payload::Header(whole.header));
        assert!(len <= data.len());
    }
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
