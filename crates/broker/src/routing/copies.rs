//! The headers `CC` and `BCC`: further routing keys of one message.

use anymq_types::value::{TableRef, ValueRef};
use smallvec::SmallVec;

/// Further routing keys.
pub(crate) type Copies<'a> = SmallVec<[&'a [u8]; 4]>;

/// `CC` or `BCC` is not a list of strings; AMQP code 406.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid message: header '{0}' is not an array of strings")]
pub(crate) struct InvalidCopies(&'static str);

/// Reads `CC`, then `BCC`. Neither is stripped here: that is for who delivers.
pub(crate) fn copies(headers: TableRef<'_>) -> Result<Copies<'_>, InvalidCopies> {
    let mut keys = Copies::new();
    for name in ["CC", "BCC"] {
        let Some(value) = headers.get(name) else { continue };
        let ValueRef::Array(list) = value else { return Err(InvalidCopies(name)) };
        for item in list.iter() {
            let ValueRef::Str(key) = item else { return Err(InvalidCopies(name)) };
            keys.push(key);
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use anymq_types::value::{Table, Value};

    use super::*;

    fn check(entries: &[(&str, Value)], expected: Result<&[&str], InvalidCopies>) {
        let mut bytes = Vec::new();
        let table: Table = entries.iter().cloned().collect();
        table.encode_content(&mut bytes).unwrap();
        let got = copies(TableRef::parse(&bytes).unwrap());
        let expected = expected.map(|keys| keys.iter().map(|key| key.as_bytes()).collect::<Copies<'_>>());
        assert_eq!(got, expected, "{entries:?}");
    }

    #[test]
    fn reads_both_lists_and_refuses_others() {
        let list = |keys: &[&str]| Value::Array(keys.iter().map(|key| Value::from(*key)).collect());
        check(&[], Ok(&[]));
        check(&[("CC", list(&["a", "b"])), ("BCC", list(&["c"]))], Ok(&["a", "b", "c"]));
        check(&[("BCC", list(&[])), ("cc", "x".into())], Ok(&[]));
        check(&[("CC", "a".into())], Err(InvalidCopies("CC")));
        check(&[("BCC", Value::Array(vec![1i32.into()]))], Err(InvalidCopies("BCC")));
    }
}
