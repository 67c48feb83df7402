//! Bytes written out by hand from the protocol guide.

mod api_versions;
mod fetch;
mod list_offsets;
mod metadata;
mod produce;

use crate::wire::{
    ApiKey, ErrorCode, Reader, Request, RequestHeader, Response, WireError, Writer, split_frame,
};

/// A request's body: it reads as `expected`, which is written to the same bytes.
#[track_caller]
fn check_request<'a>(version: i16, body: &'a [u8], expected: impl Into<Request<'a>>) {
    let expected = expected.into();
    assert_eq!(Request::decode(expected.api(), version, Reader::new(body)), Ok(expected.clone()));
    let mut out = Writer::new();
    expected.write(&mut out, version);
    assert_eq!(out.into_segments().to_vec(), body);
}

/// A response's body, likewise.
#[track_caller]
fn check_response<'a>(version: i16, body: &'a [u8], expected: impl Into<Response<'a>>) {
    let expected = expected.into();
    let mut out = Writer::new();
    expected.write(&mut out, version);
    assert_eq!(out.into_segments().to_vec(), body);
    assert_eq!(Response::decode(expected.api(), version, Reader::new(body)), Ok(expected));
}

#[test]
fn frames_are_found_and_bounded() {
    assert_eq!(split_frame(b"", 10), Ok(None));
    assert_eq!(split_frame(b"\0\0\0", 10), Ok(None));
    assert_eq!(split_frame(b"\0\0\0\x02a", 10), Ok(None));
    assert_eq!(split_frame(b"\0\0\0\x02abc", 10), Ok(Some((&b"ab"[..], 6))));
    assert_eq!(split_frame(b"\0\0\0\0abc", 10), Ok(Some((&b""[..], 4))));
    assert_eq!(split_frame(b"\0\0\0\x0b", 10), Err(WireError::FrameSize { size: 11, max: 10 }));
    assert_eq!(split_frame(b"\xff\xff\xff\xff", 10), Err(WireError::FrameSize { size: -1, max: 10 }));
}

#[test]
fn request_headers_have_two_forms() {
    // Heartbeat 3 is not flexible, Heartbeat 4 is; an unknown tag is skipped.
    let (header, body) = RequestHeader::parse(b"\0\x0c\0\x03\0\0\0\x07\0\x02mebody").expect("version 1");
    assert_eq!((header.api, header.version, header.correlation_id), (ApiKey::Heartbeat, 3, 7));
    assert_eq!((header.client_id, body.rest()), (Some("me"), &b"body"[..]));
    let (header, body) =
        RequestHeader::parse(b"\0\x0c\0\x04\xff\xff\xff\xff\xff\xff\x01\x05\x02zzbody").expect("version 2");
    assert_eq!((header.version, header.correlation_id, header.client_id), (4, -1, None));
    assert_eq!(body.rest(), b"body");
    let mut out = Writer::request(ApiKey::Heartbeat, 4, -1, None);
    out.put(b"body");
    assert_eq!(out.finish().to_vec(), b"\0\0\0\x0f\0\x0c\0\x04\xff\xff\xff\xff\xff\xff\0body");
}

#[test]
fn what_is_not_offered_is_an_error() {
    let error = |frame| RequestHeader::parse(frame).map(|_| ());
    assert_eq!(
        error(b"\0\x0c\0\x05\0\0\0\x07\xff\xff"),
        Err(WireError::UnsupportedVersion { api: ApiKey::Heartbeat, version: 5 })
    );
    assert_eq!(
        error(b"\0\x0c\xff\xff\0\0\0\x07\xff\xff"),
        Err(WireError::UnsupportedVersion { api: ApiKey::Heartbeat, version: -1 })
    );
    assert_eq!(error(b"\0\x04\0\0\0\0\0\x07\xff\xff"), Err(WireError::UnknownApi { code: 4 }));
    assert_eq!(error(b"\x7f\xff\0\0\0\0\0\x07\xff\xff"), Err(WireError::UnknownApi { code: i16::MAX }));
    assert_eq!(error(b"\0\x0c\0\x03\0\0\0\x07\0\x09me"), Err(WireError::Cut));
    assert_eq!(error(b"\0\x0c\0"), Err(WireError::Cut));
}

#[test]
fn response_headers_have_two_forms() {
    // Size, correlation id, and in flexible versions no tags.
    assert_eq!(Writer::response(ApiKey::Heartbeat, 3, 7).finish().to_vec(), b"\0\0\0\x04\0\0\0\x07");
    assert_eq!(Writer::response(ApiKey::Heartbeat, 4, 7).finish().to_vec(), b"\0\0\0\x05\0\0\0\x07\0");
    assert_eq!(Writer::response(ApiKey::ApiVersions, 4, 7).finish().to_vec(), b"\0\0\0\x04\0\0\0\x07");
}

#[test]
fn error_codes_have_names() {
    let shown = |code: i16| (ErrorCode(code).name(), ErrorCode(code).is_retriable());
    assert_eq!(shown(0), ("NONE", false));
    assert_eq!(shown(-1), ("UNKNOWN_SERVER_ERROR", false));
    assert_eq!(shown(3), ("UNKNOWN_TOPIC_OR_PARTITION", true));
    assert_eq!(shown(35), ("UNSUPPORTED_VERSION", false));
    assert_eq!(shown(51), ("CONCURRENT_TRANSACTIONS", true));
    assert_eq!(shown(79), ("MEMBER_ID_REQUIRED", false));
    assert_eq!(shown(9999), ("UNKNOWN", false));
    let mut codes: Vec<_> = ErrorCode::ALL.to_vec();
    codes.sort();
    codes.dedup();
    assert_eq!(codes, ErrorCode::ALL);
}
