//! A field table: walking an accepted one reaches its end, and owning it loses nothing.
#![no_main]

use anymq_types::value::TableRef;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = TableRef::trusted(data).to_table();
    let Ok(table) = TableRef::parse(data) else { return };
    let mut walked = 0;
    let mut entries = table.iter();
    while let Some((_, raw)) = entries.next_raw() {
        walked += raw.len();
    }
    assert_eq!(walked, data.len());
    let owned = table.to_table();
    let mut bytes = Vec::new();
    owned.encode_content(&mut bytes).expect("what was short enough stays so");
    // A boolean octet other than 0 and 1 is the one thing written differently.
    assert_eq!(bytes.len(), data.len());
    assert_eq!(TableRef::parse(&bytes).map(|t| t.to_table()), Ok(owned));
});
