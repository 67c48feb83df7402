//! Arguments of every method: the first byte chooses the method; what decodes must decode again, to the same, once
//! encoded.
#![no_main]

use anymq_amqp::wire::methods::ALL;
use anymq_amqp::wire::{Encode, MethodRef, Payload, parse_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
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
});
