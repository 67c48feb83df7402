//! `DescribeCluster`: the nodes.

use crate::authorized;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

// Which nodes are asked for (`EndpointType`).
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) fn describe_cluster(cx: &mut Cx<'_>, request: DescribeClusterRequest) -> Reply {
    let refuse = |error_code, says: String| {
        let error_message = Some(says.into());
        cx.reply(&DescribeClusterResponse { error_code, error_message, ..Default::default() })
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            let says = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
            return refuse(ErrorCode::MISMATCHED_ENDPOINT_TYPE, says.to_owned());
        }
        other => {
            return refuse(
                ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
                format!("Unsupported endpoint type {other}"),
            );
        }
    }
    let brokers = cx.nodes().into_iter().map(|node| DescribeClusterBroker {
        broker_id: node.id,
        host: node.host.into(),
        port: node.port.into(),
        ..Default::default()
    });
    cx.reply(&DescribeClusterResponse {
        cluster_id: cx.cluster_id().into(),
        controller_id: 0,
        cluster_authorized_operations: authorized::server(cx, request.include_cluster_authorized_operations),
        brokers: brokers.collect(),
        ..Default::default()
    })
}
