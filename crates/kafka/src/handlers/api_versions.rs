//! `ApiVersions`: what this server speaks. Asked before the login too.

use super::operations;
use crate::session::{Cx, Reply};
use crate::wire::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use crate::wire::{ApiKey, ErrorCode, IntoResponse, Segments};

/// What clients infer more from than from versions: each is on, at that level, for good.
const FEATURES: &[(&str, i16)] = &[("group.version", 1), ("share.version", 1), ("transaction.version", 2)];
/// First version that names features which may be off.
const FEATURES_OFF_FROM: i16 = 4;

pub(super) fn api_versions(cx: &mut Cx<'_>, request: ApiVersionsRequest<'_>) -> Reply {
    let (response, _) = answer(cx.version(), &request);
    cx.reply(&response)
}

/// The response, and whether the request was in order.
pub(crate) fn answer(version: i16, request: &ApiVersionsRequest<'_>) -> (ApiVersionsResponse<'static>, bool) {
    let named = [request.client_software_name, request.client_software_version];
    if version >= 3 && !named.into_iter().all(is_software_name) {
        let error_code = ErrorCode::INVALID_REQUEST;
        return (ApiVersionsResponse { error_code, ..Default::default() }, false);
    }
    let api_keys = operations()
        .filter_map(|row| {
            let (min_version, max_version) = row.offered()?.into_inner();
            Some(ApiVersion { api_key: row.api.code(), min_version, max_version })
        })
        .collect();
    let supported = FEATURES.iter().map(|&(name, max_version)| {
        let min_version = 0;
        SupportedFeatureKey { name: name.into(), min_version, max_version }
    });
    let finalized = FEATURES.iter().map(|&(name, level)| FinalizedFeatureKey {
        name: name.into(),
        max_version_level: level,
        min_version_level: level,
    });
    let response = ApiVersionsResponse {
        api_keys,
        // Before that, clients do not understand that a feature can be off.
        supported_features: if version >= FEATURES_OFF_FROM {
            supported.collect()
        } else {
            Default::default()
        },
        finalized_features_epoch: 0,
        finalized_features: finalized.collect(),
        ..Default::default()
    };
    (response, true)
}

/// The answer to a version of `ApiVersions` that is not known: in version 0, with the versions of it that are (KIP-511).
pub(crate) fn refuse_version(correlation_id: i32) -> Segments {
    let (min_version, max_version) = ApiKey::ApiVersions.decodes().into_inner();
    let api_key = ApiKey::ApiVersions.code();
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: vec![ApiVersion { api_key, min_version, max_version }].into(),
        ..Default::default()
    };
    response.encode(0, correlation_id)
}

/// Letters, digits, dots and hyphens, the first and the last a letter or a digit.
fn is_software_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inside = |b: &u8| b.is_ascii_alphanumeric() || b"-.".contains(b);
    let ends = [bytes.first(), bytes.last()];
    bytes.iter().all(inside) && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_software() {
        for (name, valid) in [
            ("librdkafka", true),
            ("apache-kafka-java", true),
            ("2.0.2", true),
            ("a", true),
            ("", false),
            ("-a", false),
            ("a.", false),
            ("a b", false),
            ("a\u{e4}", false),
        ] {
            assert_eq!(is_software_name(name), valid, "{name:?}");
        }
    }

    #[test]
    fn names_are_asked_for_since_version_3() {
        let request = ApiVersionsRequest::default();
        let codes = [2, 3, 4].map(|version| answer(version, &request).0.error_code);
        assert_eq!(codes, [ErrorCode::NONE, ErrorCode::INVALID_REQUEST, ErrorCode::INVALID_REQUEST]);
    }
}
