//! `ListTransactions`: which transactional ids there are, and how far each is.

use anymq_broker::transactions::{TxnState, TxnStatus};

use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::transaction_admin::{
    ListTransactionsRequest, ListTransactionsResponse, ListedTransaction,
};

/// The names of the states that clients know; here a transaction is in the first four only.
const STATES: &[&str] = &[
    "Empty",
    "Ongoing",
    "CompleteCommit",
    "CompleteAbort",
    "PrepareCommit",
    "PrepareAbort",
    "PrepareEpochFence",
    "Dead",
];

pub(super) fn list_transactions(cx: &mut Cx<'_>, request: ListTransactionsRequest<'_>) -> Reply {
    let pattern =
        match request.transactional_id_pattern.filter(|p| !p.is_empty()).map(whole_match).transpose() {
            Ok(pattern) => pattern,
            Err(_) => {
                let error_code = ErrorCode::INVALID_REGULAR_EXPRESSION;
                return cx.reply(&ListTransactionsResponse { error_code, ..Default::default() });
            }
        };
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        request.state_filters.iter().partition(|state| STATES.contains(state));
    let (now, own) = (cx.hall.bounds().now, cx.node_id());
    let wanted = |txn: &TxnStatus| {
        let open_for = txn.started.map_or(0, |started| now.0.saturating_sub(started.0));
        let long = u64::try_from(request.duration_filter)
            .map_or(true, |least| txn.started.is_some() && open_for > least);
        let state = request.state_filters.is_empty() || known.contains(&state_name(txn.state));
        let ids = &request.producer_id_filters;
        let producer = ids.is_empty() || ids.iter().any(|id| id == txn.producer.id);
        cx.coordinator(&txn.id) == own
            && state
            && producer
            && long
            && pattern.as_ref().is_none_or(|p| p.is_match(&txn.id))
    };
    let listed = |txn: TxnStatus| ListedTransaction {
        transactional_id: txn.id.into(),
        producer_id: txn.producer.id,
        transaction_state: state_name(txn.state).into(),
    };
    cx.reply(&ListTransactionsResponse {
        unknown_state_filters: unknown.into_iter().map(Into::into).collect(),
        transaction_states: cx.hall.transactions().into_iter().filter(wanted).map(listed).collect(),
        ..Default::default()
    })
}

/// What a state is called.
pub(super) fn state_name(state: TxnState) -> &'static str {
    match state {
        TxnState::Empty => "Empty",
        TxnState::Ongoing => "Ongoing",
        TxnState::Committed => "CompleteCommit",
        TxnState::Aborted => "CompleteAbort",
    }
}

fn whole_match(pattern: &str) -> Result<regex::Regex, regex::Error> {
    regex::Regex::new(&format!("^(?:{pattern})$"))
}
