//! `CreateDelegationToken` and its three: there are none.

use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::tokens::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse, DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse, ExpireDelegationTokenRequest, ExpireDelegationTokenResponse,
    RenewDelegationTokenRequest, RenewDelegationTokenResponse,
};

const NONE: ErrorCode = ErrorCode::DELEGATION_TOKEN_AUTH_DISABLED;

pub(super) fn create(cx: &mut Cx<'_>, _: CreateDelegationTokenRequest<'_>) -> Reply {
    cx.reply(&CreateDelegationTokenResponse { error_code: NONE, ..Default::default() })
}

pub(super) fn renew(cx: &mut Cx<'_>, _: RenewDelegationTokenRequest<'_>) -> Reply {
    cx.reply(&RenewDelegationTokenResponse { error_code: NONE, ..Default::default() })
}

pub(super) fn expire(cx: &mut Cx<'_>, _: ExpireDelegationTokenRequest<'_>) -> Reply {
    cx.reply(&ExpireDelegationTokenResponse { error_code: NONE, ..Default::default() })
}

pub(super) fn describe(cx: &mut Cx<'_>, _: DescribeDelegationTokenRequest<'_>) -> Reply {
    cx.reply(&DescribeDelegationTokenResponse { error_code: NONE, ..Default::default() })
}
