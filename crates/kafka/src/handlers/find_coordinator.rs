//! `FindCoordinator`: who keeps a group, a transaction or a share partition. This node does.

use anymq_broker::acl::{Operation, ResourceKind};

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
    let version = cx.version();
    let of = match request.key_type {
        GROUP => Some((ResourceKind::Group, ErrorCode::GROUP_AUTHORIZATION_FAILED)),
        TRANSACTION => {
            Some((ResourceKind::TransactionalId, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED))
        }
        SHARE if version >= SHARE_FROM => {
            Some((ResourceKind::Cluster, ErrorCode::CLUSTER_AUTHORIZATION_FAILED))
        }
        _ => None,
    };
    if cx.version() < BATCHED_FROM {
        let Coordinator { node_id, host, port, error_code, error_message, .. } =
            coordinator(cx, request.key, of);
        return cx.reply(&FindCoordinatorResponse {
            error_code,
            error_message,
            node_id,
            host,
            port,
            ..Default::default()
        });
    }
    let coordinators = request.coordinator_keys.iter().map(|key| coordinator(cx, key, of)).collect();
    cx.reply(&FindCoordinatorResponse { coordinators, ..Default::default() })
}

/// Who coordinates it; `of` is what the key names, and what is said to who may not know of it.
fn coordinator<'a>(cx: &Cx<'_>, key: &'a str, of: Option<(ResourceKind, ErrorCode)>) -> Coordinator<'a> {
    let error_code = match of {
        None => ErrorCode::INVALID_REQUEST,
        // Share partitions are asked for by brokers.
        Some((ResourceKind::Cluster, code)) if !cx.may_cluster(Operation::ClusterAction) => code,
        Some((kind, code))
            if kind != ResourceKind::Cluster && !cx.hall.may(kind, key, Operation::Describe) =>
        {
            code
        }
        Some(_) => ErrorCode::NONE,
    };
    if !error_code.is_none() {
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
