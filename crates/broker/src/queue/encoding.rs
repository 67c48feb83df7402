//! How the messages of a chunk are stored, and how to walk it.

use anymq_types::record;

/// How a run of messages is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `anymq_types::record`: one message each.
    #[default]
    Canonical,
    /// Record batches of `anymq_batch`: a batch stands for as many offsets as its header says.
    Batches,
}

impl Encoding {
    /// The first record or batch: its bytes, and how many offsets it stands for. `None` if it is cut short.
    pub(crate) fn unit(self, data: &[u8]) -> Option<(usize, u64)> {
        match self {
            Encoding::Canonical => {
                record::record_len(data).filter(|&len| len <= data.len()).map(|len| (len, 1))
            }
            Encoding::Batches => {
                let header = anymq_batch::BatchHeader::parse(data).ok().filter(|h| h.size() <= data.len())?;
                let last = u64::try_from(header.last_offset_delta).ok()?;
                Some((header.size(), last + 1))
            }
        }
    }

    /// Records or batches one after the other, from the first.
    pub(crate) fn units(self, data: &[u8]) -> impl Iterator<Item = (usize, u64)> {
        let mut rest = data;
        std::iter::from_fn(move || {
            let (bytes, offsets) = self.unit(rest)?;
            rest = &rest[bytes..];
            Some((bytes, offsets))
        })
    }

    /// How many offsets `data` stands for, if it is whole.
    pub(crate) fn offsets(self, data: &[u8]) -> Option<u64> {
        let (bytes, offsets) =
            self.units(data).fold((0, 0), |(b, n), (bytes, offsets)| (b + bytes, n + offsets));
        (bytes == data.len()).then_some(offsets)
    }

    /// Where the record or batch begins that holds the offset `ahead` of the first, and the first offset it stands for, counted alike.
    pub(crate) fn find(self, data: &[u8], ahead: u64) -> Option<(u32, u64)> {
        let (mut byte, mut offset) = (0, 0);
        for (bytes, offsets) in self.units(data) {
            if offset + offsets > ahead {
                return Some((byte as u32, offset));
            }
            byte += bytes;
            offset += offsets;
        }
        None
    }
}
