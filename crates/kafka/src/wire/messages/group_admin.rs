//! Groups as an administrator sees them.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Blob, Text};

messages! {
    /// DescribeGroups request.
    DescribeGroupsRequest<'a> {
        groups: Array<'a, &'a str> [0..],
        include_authorized_operations: bool [3..],
    }

    /// DescribeGroups response.
    DescribeGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        groups: Array<'a, DescribedGroup<'a>> [0..],
    }

    DescribedGroupMember<'a> {
        member_id: Text<'a> [0..],
        group_instance_id: Option<Text<'a>> [4..],
        client_id: Text<'a> [0..],
        client_host: Text<'a> [0..],
        member_metadata: Blob<'a> [0..],
        member_assignment: Blob<'a> [0..],
    }

    DescribedGroup<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [6..],
        group_id: Text<'a> [0..],
        group_state: Text<'a> [0..],
        protocol_type: Text<'a> [0..],
        protocol_data: Text<'a> [0..],
        members: Array<'a, DescribedGroupMember<'a>> [0..],
        authorized_operations: i32 [3..] = i32::MIN,
    }

    /// ListGroups request.
    ListGroupsRequest<'a> {
        states_filter: Array<'a, &'a str> [4..],
        types_filter: Array<'a, &'a str> [5..],
    }

    /// ListGroups response.
    ListGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode [0..],
        groups: Array<'a, ListedGroup<'a>> [0..],
    }

    ListedGroup<'a> {
        group_id: Text<'a> [0..],
        protocol_type: Text<'a> [0..],
        group_state: Text<'a> [4..],
        group_type: Text<'a> [5..],
    }

    /// DeleteGroups request.
    DeleteGroupsRequest<'a> {
        groups_names: Array<'a, &'a str> [0..],
    }

    /// DeleteGroups response.
    DeleteGroupsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Array<'a, DeletableGroupResult<'a>> [0..],
    }

    DeletableGroupResult<'a> {
        group_id: Text<'a> [0..],
        error_code: ErrorCode [0..],
    }
}
