//! What consumers write for each other into a classic group's metadata and assignments. (Kafka message definitions
//! `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`, versions 0 to 3.)
//!
//! The broker looks into it for two reasons only: to know whether a topic is in use, and when a group changes its protocol. All
//! integers are big-endian; what follows the fields known here is left alone.

/// Type of the protocol that consumers use.
pub(crate) const CONSUMER: &str = "consumer";

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn i16(&mut self) -> Option<i16> {
        self.take(2)?.try_into().ok().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_be_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.i16()?).ok()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    /// Leaves out bytes that may be null.
    fn skip_bytes(&mut self) -> Option<()> {
        match usize::try_from(self.i32()?) {
            Ok(len) => self.take(len).map(|_| ()),
            Err(_) => Some(()),
        }
    }

    fn partitions(&mut self) -> Option<Partitions<'a>> {
        let topics = self.count(6)?;
        (0..topics)
            .map(|_| {
                let topic = self.text()?;
                let count = self.count(4)?;
                Some((topic, (0..count).map(|_| self.i32()).collect::<Option<_>>()?))
            })
            .collect()
    }

    /// Elements that follow; each takes `least` bytes or more.
    fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.i32()?).ok()?;
        (count <= self.0.len() / least).then_some(count)
    }
}

/// Partitions by topic.
pub(crate) type Partitions<'a> = Vec<(&'a str, Vec<i32>)>;

/// What a consumer subscribes to, and what it has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Subscription<'a> {
    pub(crate) version: i16,
    pub(crate) topics: Vec<&'a str>,
    pub(crate) owned: Partitions<'a>,
}

impl<'a> Subscription<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Subscription<'a>> {
        let mut r = Reader(bytes);
        let version = r.i16().filter(|&version| version >= 0)?;
        let topics = (0..r.count(2)?).map(|_| r.text()).collect::<Option<_>>()?;
        r.skip_bytes()?;
        let owned = if version >= OWNED_FROM { r.partitions()? } else { Vec::new() };
        Some(Subscription { version, topics, owned })
    }
}

/// First version of a subscription that says what the consumer has.
const OWNED_FROM: i16 = 1;
/// Last version of an assignment; all have the same fields.
const ASSIGNMENT_VERSION_MAX: i16 = 3;

/// Reads an assignment; that of a member that got none is empty.
pub(crate) fn parse_assignment(bytes: &[u8]) -> Option<Partitions<'_>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut r = Reader(bytes);
    r.i16().filter(|&version| version >= 0)?;
    r.partitions()
}

/// Writes an assignment for a consumer whose subscription has that version.
pub(crate) fn write_assignment(version: i16, partitions: &Partitions<'_>) -> Vec<u8> {
    let mut out = version.min(ASSIGNMENT_VERSION_MAX).to_be_bytes().to_vec();
    out.extend_from_slice(&(partitions.len() as i32).to_be_bytes());
    for (topic, numbers) in partitions {
        out.extend_from_slice(&(topic.len() as i16).to_be_bytes());
        out.extend_from_slice(topic.as_bytes());
        out.extend_from_slice(&(numbers.len() as i32).to_be_bytes());
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
    }
    // No data of the user's own.
    out.extend_from_slice(&(-1i32).to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_of_all_versions_are_read() {
        let subscribed = b"\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff";
        let old = [&[0, 0], &subscribed[..]].concat();
        let expected = Subscription { version: 0, topics: vec!["a", "bc"], owned: vec![] };
        assert_eq!(Subscription::parse(&old), Some(expected));
        let owned = b"\0\0\0\x01\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x07";
        let new = [&[0, 9], &subscribed[..], owned, b"what comes later"].concat();
        let expected = Subscription { version: 9, topics: vec!["a", "bc"], owned: vec![("a", vec![0, 7])] };
        assert_eq!(Subscription::parse(&new), Some(expected));
        for len in 0..new.len() - 16 {
            assert_eq!(Subscription::parse(&new[..len]), None, "cut at {len}");
        }
        assert_eq!(Subscription::parse(b"\0\0\x7f\xff\xff\xff\0"), None, "a count that lies");
        assert_eq!(Subscription::parse(b"\xff\xff\0\0\0\0\xff\xff\xff\xff"), None);
    }

    #[test]
    fn assignments_round_trip() {
        let partitions = vec![("a", vec![0, 1]), ("topic", vec![]), ("c", vec![i32::MAX])];
        let bytes = write_assignment(7, &partitions);
        assert_eq!(bytes[..2], [0, 3]);
        assert_eq!(parse_assignment(&bytes), Some(partitions));
        assert_eq!(parse_assignment(&bytes[..9]), None);
        assert_eq!(parse_assignment(b""), Some(vec![]));
    }
}
