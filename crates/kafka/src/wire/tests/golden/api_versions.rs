use super::{check_request, check_response};
use crate::wire::messages::api_versions::*;
use crate::wire::{ApiKey, ErrorCode, IntoResponse, RequestHeader};

#[test]
fn requests() {
    check_request(0, b"", ApiVersionsRequest::default());
    let named = ApiVersionsRequest { client_software_name: "java", client_software_version: "4.2.0" };
    check_request(3, b"\x05java\x064.2.0\0", named);
}

#[test]
fn responses_leave_out_what_is_as_usual() {
    let keys = vec![ApiVersion { api_key: 18, min_version: 0, max_version: 4 }];
    let response = ApiVersionsResponse { api_keys: keys.into(), throttle_time_ms: 0, ..Default::default() };
    check_response(0, b"\0\0\0\0\0\x01\0\x12\0\0\0\x04", response.clone());
    check_response(1, b"\0\0\0\0\0\x01\0\x12\0\0\0\x04\0\0\0\0", response.clone());
    // Not one tagged field: librdkafka 2.0 cannot skip them.
    check_response(3, b"\0\0\x02\0\x12\0\0\0\x04\0\0\0\0\0\0", response);
}

#[test]
fn features_are_tagged() {
    let supported = SupportedFeatureKey { name: "group.version".into(), min_version: 0, max_version: 1 };
    let finalized =
        FinalizedFeatureKey { name: "group.version".into(), max_version_level: 1, min_version_level: 1 };
    let response = ApiVersionsResponse {
        supported_features: vec![supported].into(),
        finalized_features_epoch: 7,
        finalized_features: vec![finalized].into(),
        ..Default::default()
    };
    let body = b"\0\0\x01\0\0\0\0\x03\
        \0\x14\x02\x0egroup.version\0\0\0\x01\0\
        \x01\x08\0\0\0\0\0\0\0\x07\
        \x02\x14\x02\x0egroup.version\0\x01\0\x01\0";
    check_response(3, body, response.clone());
    check_response(4, body, response);
}

#[test]
fn a_version_from_the_future_is_answered_in_version_0() {
    // Whatever comes after the client id, it is not ours to read.
    let frame = b"\0\x12\0\x63\0\0\0\x05\0\x02me\xff\xff\xff";
    let (header, _) = RequestHeader::parse(frame).expect("ApiVersions in any version");
    assert!(header.is_from_the_future());
    assert_eq!((header.api, header.version, header.client_id), (ApiKey::ApiVersions, 99, Some("me")));
    let keys = vec![ApiVersion { api_key: 18, min_version: 0, max_version: 4 }];
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: keys.into(),
        ..Default::default()
    };
    assert_eq!(
        response.encode(0, header.correlation_id).to_vec(),
        b"\0\0\0\x10\0\0\0\x05\0\x23\0\0\0\x01\0\x12\0\0\0\x04"
    );
}
