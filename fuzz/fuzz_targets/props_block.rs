//! A property block: the cheap look and the full one agree; what decodes encodes to a block that decodes to the same;
//! edits of it stay readable.
#![no_main]

use anymq_types::props::{Edit, Peek, Properties, PropsError, PropsRef};
use anymq_types::value::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let peek = Peek::parse(data);
    let props = match PropsRef::parse(data) {
        Ok(props) => props,
        Err(PropsError::Headers(_)) => return assert!(peek.is_ok()),
        Err(error) => return assert_eq!(peek, Err(error)),
    };
    let peek = peek.expect("what parses can be peeked at");
    assert_eq!((peek.flags, peek.priority), (props.flags(), props.priority()));
    let owned = Properties::from(props);
    let mut block = Vec::new();
    owned.encode(&mut block).expect("what was short enough stays so");
    assert_eq!(Properties::decode(&block), Ok(owned));
    let edit = Edit {
        headers_put: &[("x-fuzz", Value::I64(1))],
        headers_remove: &["BCC"],
        drop_expiration: true,
        reply_to: Some(b"r"),
    };
    let mut edited = Vec::new();
    if edit.apply(&props, &mut edited).is_ok() {
        let edited = PropsRef::parse(&edited).expect("an edited block parses");
        assert_eq!((edited.expiration(), edited.reply_to()), (None, Some(&b"r"[..])));
        let headers = edited.headers().expect("it has headers");
        assert_eq!(headers.get("x-fuzz").and_then(|v| v.as_int()), Some(1));
        assert_eq!(headers.get("BCC"), None);
    }
});
