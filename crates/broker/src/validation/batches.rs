//! Record batches, judged before they are stored.

use anymq_auth::Action;
use anymq_batch::{DECOMPRESSED_BYTES_MAX, Fault, Records};

use super::{Part, Place};
use crate::session::Session;
use crate::topics::{Write, WriteFault};

/// Records of one batch of which it is said why they are refused.
const LISTED_MAX: usize = 16;

impl Session {
    /// Judges batches: why each is refused, if it is. Empty if nothing demands schemas.
    pub(crate) fn judge_writes(&self, writes: &[Write]) -> Vec<Option<WriteFault>> {
        let broker = self.broker();
        if !broker.inner.schemas.any() {
            return Vec::new();
        }
        let id = self.id();
        // Who may not write hears of that, and nothing of schemas.
        let (places, _) = broker.inner.with(|core, _| {
            let place = |write: &Write| {
                core.may_use(id, write.partition, Action::Write)
                    .ok()
                    .and_then(|_| core.place(write.partition))
            };
            writes.iter().map(place).collect::<Vec<_>>()
        });
        if places.iter().all(Option::is_none) {
            return Vec::new();
        }
        let judge = |(write, place): (&Write, Option<Place>)| self.judge_batch(&write.batch, &place?);
        writes.iter().zip(places).map(judge).collect()
    }

    fn judge_batch(&self, batch: &[u8], place: &Place) -> Option<WriteFault> {
        let mut refused = Vec::new();
        match self.refused_records(batch, place, &mut refused) {
            Ok(()) if refused.is_empty() => None,
            Ok(()) => Some(WriteFault::Schema(refused)),
            Err(_) => Some(WriteFault::Unreadable),
        }
    }

    fn refused_records(
        &self,
        batch: &[u8],
        place: &Place,
        refused: &mut Vec<(u32, String)>,
    ) -> Result<(), Fault> {
        let mut records = Records::new(batch, DECOMPRESSED_BYTES_MAX)?;
        if records.header().attributes.is_control() {
            return Ok(());
        }
        let mut index = 0;
        while let Some(record) = records.next_record()? {
            let parts =
                [(Part::Key, place.rules.key, record.key), (Part::Value, place.rules.value, record.value)];
            let why = parts.into_iter().find_map(|(part, rule, payload)| {
                rule.and(payload).and_then(|payload| self.broker().refusal(place, part, payload))
            });
            refused.extend(why.map(|why| (index, why)));
            if refused.len() == LISTED_MAX {
                break;
            }
            index += 1;
        }
        Ok(())
    }
}
