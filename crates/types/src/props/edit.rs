//! A changed copy of a block, everything else byte for byte as it was.

use super::owned::put_short_bytes;
use super::{PropsError, PropsRef, flag};
use crate::limits::PROPS_BYTES_MAX;
use crate::value::{TableRef, Value, encode_entry, with_len};

const HEADERS: usize = 2;
const REPLY_TO: usize = 6;
const EXPIRATION: usize = 7;

/// What to change in a block. The default changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edit<'a> {
    /// Header entries to put: the first of that name is replaced where it stands, further ones go, a new one is
    /// appended. Creates the headers if the block has none.
    pub headers_put: &'a [(&'a str, Value)],
    /// Names of header entries to take out, all of them. Headers left empty stay as an empty table.
    pub headers_remove: &'a [&'a str],
    /// Take `expiration` out.
    pub drop_expiration: bool,
    /// Set `reply-to`.
    pub reply_to: Option<&'a [u8]>,
}

impl Edit<'_> {
    /// Appends the changed copy of `props` to `out`.
    ///
    /// # Errors
    /// A name, string or table too long to encode, or a block longer than [`PROPS_BYTES_MAX`].
    pub fn apply(&self, props: &PropsRef<'_>, out: &mut Vec<u8>) -> Result<(), PropsError> {
        let start = out.len();
        let edits_headers =
            !self.headers_put.is_empty() || (props.headers().is_some() && !self.headers_remove.is_empty());
        let mut flags = props.flags();
        if edits_headers {
            flags |= flag::HEADERS;
        }
        if self.drop_expiration {
            flags &= !flag::EXPIRATION;
        }
        if self.reply_to.is_some() {
            flags |= flag::REPLY_TO;
        }
        out.extend_from_slice(&flags.to_be_bytes());
        for index in 0..14 {
            match index {
                HEADERS if edits_headers => {
                    let headers = props.headers().unwrap_or_default();
                    with_len(out, None, |out| self.put_headers(headers, out))?;
                }
                REPLY_TO if self.reply_to.is_some() => {
                    put_short_bytes(out, self.reply_to.unwrap_or_default())?;
                }
                EXPIRATION if self.drop_expiration => {}
                _ => out.extend_from_slice(props.field_encoded(index).unwrap_or_default()),
            }
        }
        if out.len() - start > PROPS_BYTES_MAX { Err(PropsError::TooLong) } else { Ok(()) }
    }

    fn put_headers(&self, headers: TableRef<'_>, out: &mut Vec<u8>) -> Result<(), crate::value::ValueError> {
        let mut done = vec![false; self.headers_put.len()];
        let mut entries = headers.iter();
        while let Some((name, raw)) = entries.next_raw() {
            if self.headers_remove.iter().any(|gone| gone.as_bytes() == name) {
                continue;
            }
            match self.headers_put.iter().position(|(put, _)| put.as_bytes() == name) {
                Some(at) if !done[at] => {
                    done[at] = true;
                    encode_entry(name, &self.headers_put[at].1, out)?;
                }
                Some(_) => {}
                None => out.extend_from_slice(raw),
            }
        }
        for ((name, value), _) in self.headers_put.iter().zip(done).filter(|(_, done)| !done) {
            encode_entry(name.as_bytes(), value, out)?;
        }
        Ok(())
    }
}
