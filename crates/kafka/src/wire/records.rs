//! The records of a response: batches as they are stored.

use bytes::Bytes;

use super::errors::WireError;
use super::message::{Field, Version};
use super::primitives::Reader;
use super::writer::Writer;

/// Record batches of a partition, one after the other, not looked into.
#[derive(Clone, Debug)]
pub struct Batches<'a>(Repr<'a>);

#[derive(Clone, Debug)]
enum Repr<'a> {
    Wire(&'a [u8]),
    Pieces(Vec<Bytes>),
}

impl Batches<'_> {
    /// Bytes of all of them.
    pub fn len(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their bytes, in pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (wire, pieces): (Option<&[u8]>, &[Bytes]) = match &self.0 {
            Repr::Wire(bytes) => (Some(bytes), &[]),
            Repr::Pieces(pieces) => (None, pieces),
        };
        wire.into_iter().chain(pieces.iter().map(|piece| &piece[..]))
    }
}

impl Default for Batches<'_> {
    fn default() -> Self {
        Batches(Repr::Pieces(Vec::new()))
    }
}

impl From<Vec<Bytes>> for Batches<'_> {
    fn from(pieces: Vec<Bytes>) -> Self {
        Batches(Repr::Pieces(pieces))
    }
}

impl PartialEq for Batches<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.pieces().flatten().eq(other.pieces().flatten())
    }
}

impl<'a> Field<'a> for Batches<'a> {
    /// Null is read as nothing: both say that there are no records.
    fn read(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError> {
        Ok(Batches(Repr::Wire(Option::<&[u8]>::read(input, version)?.unwrap_or_default())))
    }

    fn write(&self, out: &mut Writer, version: Version) {
        match &self.0 {
            Repr::Wire(bytes) => bytes.write(out, version),
            Repr::Pieces(pieces) => {
                out.put_len(self.len(), version);
                pieces.iter().for_each(|piece| out.splice(piece));
            }
        }
    }
}
