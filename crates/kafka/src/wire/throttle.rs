//! Where a response says for how long its client is to be silent: known only once the response is written.

use bytes::Bytes;

use super::apis::ApiKey;
use super::writer::Segments;

/// Bytes of the field.
const FIELD_BYTES: usize = 4;

/// Where the field stands.
enum Place {
    /// So many bytes into the body.
    Begin(usize),
    /// Last, before the tagged fields, of which there are none.
    End,
}

fn place(api: ApiKey, version: i16) -> Option<Place> {
    use ApiKey::*;
    let from = match api {
        // Has none, or one behind fields that differ.
        SaslHandshake | SaslAuthenticate | ApiVersions | DescribeQuorum | WriteTxnMarkers => return None,
        Produce | Fetch | FindCoordinator | Heartbeat | LeaveGroup | SyncGroup => 1,
        DescribeGroups | ListGroups | DeleteTopics => 1,
        JoinGroup | ListOffsets | OffsetForLeaderEpoch | CreateTopics => 2,
        Metadata | OffsetCommit | OffsetFetch => 3,
        _ => 0,
    };
    if version < from {
        return None;
    }
    Some(match api {
        Produce | CreateDelegationToken | RenewDelegationToken => Place::End,
        ExpireDelegationToken | DescribeDelegationToken => Place::End,
        // Behind the error code.
        OffsetDelete => Place::Begin(2),
        _ => Place::Begin(0),
    })
}

impl Segments {
    /// Says so in a whole response to `api`, where its version has a field for it.
    pub(crate) fn set_throttle(&mut self, api: ApiKey, version: i16, ms: i32) {
        let header = 8 + usize::from(api.response_header_is_flexible(version));
        let at = match place(api, version) {
            None => return,
            Some(Place::Begin(at)) => header + at,
            Some(Place::End) => {
                let tags = usize::from(api.version(version).flexible);
                self.len().saturating_sub(FIELD_BYTES + tags)
            }
        };
        let mut begin = 0;
        for part in self.parts_mut() {
            let end = begin + part.len();
            if (begin..end).contains(&at) && at + FIELD_BYTES <= end {
                let mut bytes = part.to_vec();
                bytes[at - begin..][..FIELD_BYTES].copy_from_slice(&ms.to_be_bytes());
                *part = Bytes::from(bytes);
                return;
            }
            begin = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::tests::sample::Dice;
    use crate::wire::{ApiKey, Reader, Response};

    /// In every version of every response, the field and nothing else.
    #[test]
    fn it_is_set_where_the_response_has_it() {
        let mut set = 0;
        for &api in ApiKey::ALL {
            for version in api.decodes() {
                let mut response = Response::sample(api, &mut Dice::new(5));
                if let Response::Produce(response) = &mut response {
                    // Brokers are named when a leader has moved, which it does not.
                    response.node_endpoints = Default::default();
                }
                let before = response.encode(version, 7);
                let mut after = before.clone();
                after.set_throttle(api, version, 0x0bad_cafe);
                let header = 8 + usize::from(api.response_header_is_flexible(version));
                let read = |frame: &crate::wire::Segments| {
                    let bytes = frame.to_vec();
                    format!("{:?}", Response::decode(api, version, Reader::new(&bytes[header..])).unwrap())
                };
                let (before, after) = (read(&before), read(&after));
                let field = "throttle_time_ms: ";
                let Some((head, tail)) = before.split_once(field) else {
                    assert_eq!(before, after);
                    continue;
                };
                let rest = tail.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
                let expected = format!("{head}{field}{}{rest}", 0x0bad_cafe);
                if after == before {
                    let first = (0..version).all(|older| !api.decodes().contains(&older));
                    assert!(api == ApiKey::ApiVersions || tail.starts_with("0,") || !first, "{api:?}");
                    continue;
                }
                assert_eq!(after, expected, "{api:?} {version}");
                set += 1;
            }
        }
        assert!(set > 150, "{set}");
    }
}
