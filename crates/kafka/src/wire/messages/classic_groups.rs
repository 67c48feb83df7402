//! Classic groups: finding the coordinator, membership, assignment.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Blob, Text};

messages! {
    /// FindCoordinator request.
    FindCoordinatorRequest<'a> {
        key: &'a str [0..=3],
        key_type: i8 [1..],
        coordinator_keys: Array<'a, &'a str> [4..],
    }

    /// FindCoordinator response.
    FindCoordinatorResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode [0..=3],
        error_message: Option<Text<'a>> [1..=3],
        node_id: i32 [0..=3],
        host: Text<'a> [0..=3],
        port: i32 [0..=3],
        coordinators: Array<'a, Coordinator<'a>> [4..],
    }

    Coordinator<'a> {
        key: Text<'a> [4..],
        node_id: i32 [4..],
        host: Text<'a> [4..],
        port: i32 [4..],
        error_code: ErrorCode [4..],
        error_message: Option<Text<'a>> [4..],
    }

    /// JoinGroup request.
    JoinGroupRequest<'a> {
        group_id: &'a str [0..],
        session_timeout_ms: i32 [0..],
        rebalance_timeout_ms: i32 [1..] = -1,
        member_id: &'a str [0..],
        group_instance_id: Option<&'a str> [5..],
        protocol_type: &'a str [0..],
        protocols: Array<'a, JoinGroupRequestProtocol<'a>> [0..],
        reason: Option<&'a str> [8..],
    }

    JoinGroupRequestProtocol<'a> {
        name: &'a str [0..],
        metadata: &'a [u8] [0..],
    }

    /// JoinGroup response.
    JoinGroupResponse<'a> {
        throttle_time_ms: i32 [2..],
        error_code: ErrorCode [0..],
        generation_id: i32 [0..] = -1,
        protocol_type: Option<Text<'a>> [7..],
        protocol_name: Option<Text<'a>> [0..] null [7..],
        leader: Text<'a> [0..],
        skip_assignment: bool [9..],
        member_id: Text<'a> [0..],
        members: Array<'a, JoinGroupResponseMember<'a>> [0..],
    }

    JoinGroupResponseMember<'a> {
        member_id: Text<'a> [0..],
        group_instance_id: Option<Text<'a>> [5..],
        metadata: Blob<'a> [0..],
    }

    /// Heartbeat request.
    HeartbeatRequest<'a> {
        group_id: &'a str [0..],
        generation_id: i32 [0..],
        member_id: &'a str [0..],
        group_instance_id: Option<&'a str> [3..],
    }

    /// Heartbeat response.
    HeartbeatResponse {
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode [0..],
    }

    /// LeaveGroup request.
    LeaveGroupRequest<'a> {
        group_id: &'a str [0..],
        member_id: &'a str [0..=2],
        members: Array<'a, MemberIdentity<'a>> [3..],
    }

    MemberIdentity<'a> {
        member_id: &'a str [3..],
        group_instance_id: Option<&'a str> [3..],
        reason: Option<&'a str> [5..],
    }

    /// LeaveGroup response.
    LeaveGroupResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode [0..],
        members: Array<'a, MemberResponse<'a>> [3..],
    }

    MemberResponse<'a> {
        member_id: Text<'a> [3..],
        group_instance_id: Option<Text<'a>> [3..],
        error_code: ErrorCode [3..],
    }

    /// SyncGroup request.
    SyncGroupRequest<'a> {
        group_id: &'a str [0..],
        generation_id: i32 [0..],
        member_id: &'a str [0..],
        group_instance_id: Option<&'a str> [3..],
        protocol_type: Option<&'a str> [5..],
        protocol_name: Option<&'a str> [5..],
        assignments: Array<'a, SyncGroupRequestAssignment<'a>> [0..],
    }

    SyncGroupRequestAssignment<'a> {
        member_id: &'a str [0..],
        assignment: &'a [u8] [0..],
    }

    /// SyncGroup response.
    SyncGroupResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode [0..],
        protocol_type: Option<Text<'a>> [5..],
        protocol_name: Option<Text<'a>> [5..],
        assignment: Blob<'a> [0..],
    }
}
