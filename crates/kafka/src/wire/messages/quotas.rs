//! Quotas and SCRAM credentials of users.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// DescribeClientQuotas request.
    DescribeClientQuotasRequest<'a> {
        components: Array<'a, QuotaFilter<'a>> [0..],
        strict: bool [0..],
    }

    QuotaFilter<'a> {
        entity_type: &'a str [0..],
        match_type: i8 [0..],
        matching: Option<&'a str> [0..],
    }

    /// DescribeClientQuotas response.
    DescribeClientQuotasResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        entries: Option<Array<'a, DescribedQuotas<'a>>> [0..],
    }

    DescribedEntity<'a> {
        entity_type: Text<'a> [0..],
        entity_name: Option<Text<'a>> [0..],
    }

    QuotaValue<'a> {
        key: Text<'a> [0..],
        value: f64 [0..],
    }

    DescribedQuotas<'a> {
        entity: Array<'a, DescribedEntity<'a>> [0..],
        values: Array<'a, QuotaValue<'a>> [0..],
    }

    /// AlterClientQuotas request.
    AlterClientQuotasRequest<'a> {
        entries: Array<'a, AlterQuotas<'a>> [0..],
        validate_only: bool [0..],
    }

    AlterEntity<'a> {
        entity_type: &'a str [0..],
        entity_name: Option<&'a str> [0..],
    }

    QuotaOperation<'a> {
        key: &'a str [0..],
        value: f64 [0..],
        remove: bool [0..],
    }

    AlterQuotas<'a> {
        entity: Array<'a, AlterEntity<'a>> [0..],
        ops: Array<'a, QuotaOperation<'a>> [0..],
    }

    /// AlterClientQuotas response.
    AlterClientQuotasResponse<'a> {
        throttle_time_ms: i32 [0..],
        entries: Array<'a, AlteredQuotas<'a>> [0..],
    }

    AlteredEntity<'a> {
        entity_type: Text<'a> [0..],
        entity_name: Option<Text<'a>> [0..],
    }

    AlteredQuotas<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        entity: Array<'a, AlteredEntity<'a>> [0..],
    }

    /// DescribeUserScramCredentials request.
    DescribeUserScramCredentialsRequest<'a> {
        users: Option<Array<'a, UserName<'a>>> [0..],
    }

    UserName<'a> {
        name: &'a str [0..],
    }

    /// DescribeUserScramCredentials response.
    DescribeUserScramCredentialsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        results: Array<'a, DescribeUserScramCredentialsResult<'a>> [0..],
    }

    CredentialInfo {
        mechanism: i8 [0..],
        iterations: i32 [0..],
    }

    DescribeUserScramCredentialsResult<'a> {
        user: Text<'a> [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        credential_infos: Array<'a, CredentialInfo> [0..],
    }

    /// AlterUserScramCredentials request.
    AlterUserScramCredentialsRequest<'a> {
        deletions: Array<'a, ScramCredentialDeletion<'a>> [0..],
        upsertions: Array<'a, ScramCredentialUpsertion<'a>> [0..],
    }

    ScramCredentialDeletion<'a> {
        name: &'a str [0..],
        mechanism: i8 [0..],
    }

    ScramCredentialUpsertion<'a> {
        name: &'a str [0..],
        mechanism: i8 [0..],
        iterations: i32 [0..],
        salt: &'a [u8] [0..],
        salted_password: &'a [u8] [0..],
    }

    /// AlterUserScramCredentials response.
    AlterUserScramCredentialsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Array<'a, AlterUserScramCredentialsResult<'a>> [0..],
    }

    AlterUserScramCredentialsResult<'a> {
        user: Text<'a> [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }
}
