//! `FindCoordinator`: who keeps a group, a transaction or a share partition. This node does.

use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::classic_groups::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// First version with several keys.
const BATCHED_FROM: i16 = 4;
/// First version with share partitions.
const SHARE_FROM: i16 = 6;

pub(super) fn find_coordinator(cx: &mut Cx<'_>, request: FindCoordinatorRequest<'_>) -> Reply {
    let known = match request.key_type {
        GROUP | TRANSACTION => true,
        SHARE => cx.version() >= SHARE_FROM,
        _ => false,
    };
    if cx.version() < BATCHED_FROM {
        let Coordinator { node_id, host, port, error_code, error_message, .. } = coordinator(cx, "", known);
        return cx.reply(&FindCoordinatorResponse {
            error_code,
            error_message,
            node_id,
            host,
            port,
            ..Default::default()
        });
    }
    let coordinators = request.coordinator_keys.iter().map(|key| coordinator(cx, key, known)).collect();
    cx.reply(&FindCoordinatorResponse { coordinators, ..Default::default() })
}

fn coordinator<'a>(cx: &Cx<'_>, key: &'a str, known: bool) -> Coordinator<'a> {
    if !known {
        let error_code = ErrorCode::INVALID_REQUEST;
        return Coordinator { key: key.into(), node_id: -1, port: -1, error_code, ..Default::default() };
    }
    let node = cx.node(cx.coordinator(key));
    Coordinator {
        key: key.into(),
        node_id: node.id,
        host: node.host.into(),
        port: node.port.into(),
        error_code: ErrorCode::NONE,
        // Kafka's clients show it, so that Kafka's servers send it.
        error_message: Some("NONE".into()),
    }
}
