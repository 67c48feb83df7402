//! One file for each group of paths. A handler is: request → one call of [`Hall`](crate::Hall) → answer.

pub(crate) mod bindings;
pub(crate) mod clients;
pub(crate) mod definitions;
pub(crate) mod exchanges;
pub(crate) mod groups;
pub(crate) mod messages;
pub(crate) mod overview;
pub(crate) mod policies;
pub(crate) mod queues;
pub(crate) mod topics;
pub(crate) mod users;
pub(crate) mod vhosts;

use anymq_api::{ListQuery, PAGE_MAX, Problem};
use axum::Json;

use crate::access::Operator;
use crate::answer::Refusal;
use crate::hall::Filter;

/// What handlers answer.
pub(crate) type Answer<T> = Result<Json<T>, Refusal>;

/// The part of a list that was asked for, within what this operator sees.
pub(crate) fn filter(operator: &Operator, query: ListQuery) -> Result<Filter, Problem> {
    Ok(Filter {
        scope: operator.scope(query.vhost)?,
        name: query.name.unwrap_or_default(),
        offset: query.offset,
        limit: query.limit.unwrap_or(PAGE_MAX).min(PAGE_MAX),
    })
}
