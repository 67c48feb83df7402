//! `DescribeClientQuotas`: the quotas that a filter means.

use anymq_catalog::{QuotaEntity, QuotaLimits, QuotaPart};

use super::limits::ELEMENTS_MAX;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::quotas::{
    DescribeClientQuotasRequest, DescribeClientQuotasResponse, DescribedEntity, DescribedQuotas, QuotaFilter,
    QuotaValue,
};

/// The kinds of entities.
pub(super) const USER: &str = "user";
pub(super) const CLIENT_ID: &str = "client-id";
pub(super) const IP: &str = "ip";

// How a filter matches.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

type Refusal = (ErrorCode, String);

/// What of an entity is asked for.
#[derive(Default)]
struct Wanted<'a> {
    user: Option<Match<'a>>,
    client_id: Option<Match<'a>>,
    ip: bool,
}

#[derive(Clone, Copy)]
enum Match<'a> {
    Exact(&'a str),
    Default,
    Any,
}

pub(super) fn describe_client_quotas(cx: &mut Cx<'_>, request: DescribeClientQuotasRequest<'_>) -> Reply {
    if request.components.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let listed = cx.hall.quotas().map_err(|error| (topic_error(error.kind), error.text));
    let told = listed.and_then(|quotas| {
        let wanted = wanted(&request)?;
        let strict = request.strict;
        let entries = quotas.iter().filter(|(entity, _)| wanted.takes(entity, strict));
        Ok(entries.map(|(entity, limits)| entry(entity, limits)).collect())
    });
    match told {
        Ok(entries) => cx.reply(&DescribeClientQuotasResponse {
            error_message: Some("".into()),
            entries: Some(entries),
            ..Default::default()
        }),
        Err((error_code, says)) => cx.reply(&DescribeClientQuotasResponse {
            error_code,
            error_message: Some(says.into()),
            ..Default::default()
        }),
    }
}

fn wanted<'a>(request: &DescribeClientQuotasRequest<'a>) -> Result<Wanted<'a>, Refusal> {
    let invalid = |says: String| Err((ErrorCode::INVALID_REQUEST, says));
    let mut wanted = Wanted::default();
    for filter in &request.components {
        let QuotaFilter { entity_type, match_type, matching } = filter;
        let found = match (match_type, matching) {
            (EXACT, Some(name)) => Match::Exact(name),
            (EXACT, None) => {
                return invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.".into());
            }
            (DEFAULT, None) => Match::Default,
            (SPECIFIED, None) => Match::Any,
            (DEFAULT, Some(_)) => {
                return invalid(
                    "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.".into(),
                );
            }
            (SPECIFIED, Some(_)) => {
                return invalid(
                    "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.".into(),
                );
            }
            (other, _) => return invalid(format!("Unknown match type {other}")),
        };
        let twice = match entity_type {
            USER => wanted.user.replace(found).is_some(),
            CLIENT_ID => wanted.client_id.replace(found).is_some(),
            IP => std::mem::replace(&mut wanted.ip, true),
            "" => return invalid("Invalid empty entity type.".into()),
            other => {
                let says = format!("Unsupported entity type {}", other.chars().take(64).collect::<String>());
                return Err((ErrorCode::UNSUPPORTED_VERSION, says));
            }
        };
        if twice {
            return invalid(format!("Entity type {entity_type} cannot appear more than once in the filter."));
        }
    }
    if wanted.ip && (wanted.user.is_some() || wanted.client_id.is_some()) {
        return invalid("Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.".into());
    }
    Ok(wanted)
}

impl Wanted<'_> {
    fn takes(&self, entity: &QuotaEntity, strict: bool) -> bool {
        let part = |wanted: Option<Match<'_>>, own: &Option<QuotaPart>| match (wanted, own) {
            (None, None) => true,
            (None, Some(_)) => !strict,
            (Some(_), None) => false,
            (Some(Match::Any), Some(_)) | (Some(Match::Default), Some(QuotaPart::Default)) => true,
            (Some(Match::Exact(name)), Some(QuotaPart::Name(own))) => name == &**own,
            (Some(Match::Exact(_)), Some(QuotaPart::Default))
            | (Some(Match::Default), Some(QuotaPart::Name(_))) => false,
        };
        // Nobody has a quota by address.
        !self.ip && part(self.user, &entity.user) && part(self.client_id, &entity.client_id)
    }
}

fn entry(entity: &QuotaEntity, limits: &QuotaLimits) -> DescribedQuotas<'static> {
    let part = |kind: &'static str, part: &Option<QuotaPart>| {
        let entity_name = match part.as_ref()? {
            QuotaPart::Default => None,
            QuotaPart::Name(name) => Some(name.to_string().into()),
        };
        Some(DescribedEntity { entity_type: kind.into(), entity_name })
    };
    let parts = [part(USER, &entity.user), part(CLIENT_ID, &entity.client_id)];
    DescribedQuotas {
        entity: parts.into_iter().flatten().collect(),
        values: limits
            .iter()
            .map(|(kind, &rate)| QuotaValue { key: kind.name().into(), value: kind.value(rate) })
            .collect(),
    }
}
