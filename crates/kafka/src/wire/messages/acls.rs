//! Access rules.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// DescribeAcls request.
    DescribeAclsRequest<'a> {
        resource_type_filter: i8 [0..],
        resource_name_filter: Option<&'a str> [0..],
        pattern_type_filter: i8 [1..] = 3,
        principal_filter: Option<&'a str> [0..],
        host_filter: Option<&'a str> [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    /// DescribeAcls response.
    DescribeAclsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        resources: Array<'a, DescribeAclsResource<'a>> [0..],
    }

    AclDescription<'a> {
        principal: Text<'a> [0..],
        host: Text<'a> [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    DescribeAclsResource<'a> {
        resource_type: i8 [0..],
        resource_name: Text<'a> [0..],
        pattern_type: i8 [1..] = 3,
        acls: Array<'a, AclDescription<'a>> [0..],
    }

    /// CreateAcls request.
    CreateAclsRequest<'a> {
        creations: Array<'a, AclCreation<'a>> [0..],
    }

    AclCreation<'a> {
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        resource_pattern_type: i8 [1..] = 3,
        principal: &'a str [0..],
        host: &'a str [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    /// CreateAcls response.
    CreateAclsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Array<'a, AclCreationResult<'a>> [0..],
    }

    AclCreationResult<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }

    /// DeleteAcls request.
    DeleteAclsRequest<'a> {
        filters: Array<'a, DeleteAclsFilter<'a>> [0..],
    }

    DeleteAclsFilter<'a> {
        resource_type_filter: i8 [0..],
        resource_name_filter: Option<&'a str> [0..],
        pattern_type_filter: i8 [1..] = 3,
        principal_filter: Option<&'a str> [0..],
        host_filter: Option<&'a str> [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    /// DeleteAcls response.
    DeleteAclsResponse<'a> {
        throttle_time_ms: i32 [0..],
        filter_results: Array<'a, DeleteAclsFilterResult<'a>> [0..],
    }

    DeleteAclsMatchingAcl<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        resource_type: i8 [0..],
        resource_name: Text<'a> [0..],
        pattern_type: i8 [1..] = 3,
        principal: Text<'a> [0..],
        host: Text<'a> [0..],
        operation: i8 [0..],
        permission_type: i8 [0..],
    }

    DeleteAclsFilterResult<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        matching_acls: Array<'a, DeleteAclsMatchingAcl<'a>> [0..],
    }
}
