//! `ApiVersions`: what this server speaks.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// ApiVersions request.
    ApiVersionsRequest<'a> {
        client_software_name: &'a str [3..],
        client_software_version: &'a str [3..],
    }

    /// ApiVersions response.
    ApiVersionsResponse<'a> {
        error_code: ErrorCode [0..],
        api_keys: Array<'a, ApiVersion> [0..],
        throttle_time_ms: i32 [1..],
        supported_features: Array<'a, SupportedFeatureKey<'a>> [3..] tag 0,
        finalized_features_epoch: i64 [3..] tag 1 = -1,
        finalized_features: Array<'a, FinalizedFeatureKey<'a>> [3..] tag 2,
        zk_migration_ready: bool [3..] tag 3,
    }

    ApiVersion {
        api_key: i16 [0..],
        min_version: i16 [0..],
        max_version: i16 [0..],
    }

    SupportedFeatureKey<'a> {
        name: Text<'a> [3..],
        min_version: i16 [3..],
        max_version: i16 [3..],
    }

    FinalizedFeatureKey<'a> {
        name: Text<'a> [3..],
        max_version_level: i16 [3..],
        min_version_level: i16 [3..],
    }
}
