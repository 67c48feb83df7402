//! Delegation tokens.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Blob, Text};

messages! {
    /// CreateDelegationToken request.
    CreateDelegationTokenRequest<'a> {
        owner_principal_type: Option<&'a str> [3..],
        owner_principal_name: Option<&'a str> [3..],
        renewers: Array<'a, CreatableRenewers<'a>> [0..],
        max_lifetime_ms: i64 [0..],
    }

    CreatableRenewers<'a> {
        principal_type: &'a str [0..],
        principal_name: &'a str [0..],
    }

    /// CreateDelegationToken response.
    CreateDelegationTokenResponse<'a> {
        error_code: ErrorCode [0..],
        principal_type: Text<'a> [0..],
        principal_name: Text<'a> [0..],
        token_requester_principal_type: Text<'a> [3..],
        token_requester_principal_name: Text<'a> [3..],
        issue_timestamp_ms: i64 [0..],
        expiry_timestamp_ms: i64 [0..],
        max_timestamp_ms: i64 [0..],
        token_id: Text<'a> [0..],
        hmac: Blob<'a> [0..],
        throttle_time_ms: i32 [0..],
    }

    /// RenewDelegationToken request.
    RenewDelegationTokenRequest<'a> {
        hmac: &'a [u8] [0..],
        renew_period_ms: i64 [0..],
    }

    /// RenewDelegationToken response.
    RenewDelegationTokenResponse {
        error_code: ErrorCode [0..],
        expiry_timestamp_ms: i64 [0..],
        throttle_time_ms: i32 [0..],
    }

    /// ExpireDelegationToken request.
    ExpireDelegationTokenRequest<'a> {
        hmac: &'a [u8] [0..],
        expiry_time_period_ms: i64 [0..],
    }

    /// ExpireDelegationToken response.
    ExpireDelegationTokenResponse {
        error_code: ErrorCode [0..],
        expiry_timestamp_ms: i64 [0..],
        throttle_time_ms: i32 [0..],
    }

    /// DescribeDelegationToken request.
    DescribeDelegationTokenRequest<'a> {
        owners: Option<Array<'a, DescribeDelegationTokenOwner<'a>>> [0..],
    }

    DescribeDelegationTokenOwner<'a> {
        principal_type: &'a str [0..],
        principal_name: &'a str [0..],
    }

    /// DescribeDelegationToken response.
    DescribeDelegationTokenResponse<'a> {
        error_code: ErrorCode [0..],
        tokens: Array<'a, DescribedDelegationToken<'a>> [0..],
        throttle_time_ms: i32 [0..],
    }

    DescribedDelegationTokenRenewer<'a> {
        principal_type: Text<'a> [0..],
        principal_name: Text<'a> [0..],
    }

    DescribedDelegationToken<'a> {
        principal_type: Text<'a> [0..],
        principal_name: Text<'a> [0..],
        token_requester_principal_type: Text<'a> [3..],
        token_requester_principal_name: Text<'a> [3..],
        issue_timestamp: i64 [0..],
        expiry_timestamp: i64 [0..],
        max_timestamp: i64 [0..],
        token_id: Text<'a> [0..],
        hmac: Blob<'a> [0..],
        renewers: Array<'a, DescribedDelegationTokenRenewer<'a>> [0..],
    }
}
