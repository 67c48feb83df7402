//! Configuration of topics, brokers and groups.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// DescribeConfigs request.
    DescribeConfigsRequest<'a> {
        resources: Array<'a, DescribeConfigsResource<'a>> [0..],
        include_synonyms: bool [1..],
        include_documentation: bool [3..],
    }

    DescribeConfigsResource<'a> {
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        configuration_keys: Option<Array<'a, &'a str>> [0..],
    }

    /// DescribeConfigs response.
    DescribeConfigsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Array<'a, DescribeConfigsResult<'a>> [0..],
    }

    DescribeConfigsSynonym<'a> {
        name: Text<'a> [1..],
        value: Option<Text<'a>> [1..],
        source: i8 [1..],
    }

    DescribeConfigsResourceResult<'a> {
        name: Text<'a> [0..],
        value: Option<Text<'a>> [0..],
        read_only: bool [0..],
        config_source: i8 [1..] = -1,
        is_sensitive: bool [0..],
        synonyms: Array<'a, DescribeConfigsSynonym<'a>> [1..],
        config_type: i8 [3..],
        documentation: Option<Text<'a>> [3..],
    }

    DescribeConfigsResult<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        resource_type: i8 [0..],
        resource_name: Text<'a> [0..],
        configs: Array<'a, DescribeConfigsResourceResult<'a>> [0..],
    }

    /// AlterConfigs request.
    AlterConfigsRequest<'a> {
        resources: Array<'a, AlterConfigsResource<'a>> [0..],
        validate_only: bool [0..],
    }

    AlterableConfig<'a> {
        name: &'a str [0..],
        value: Option<&'a str> [0..],
    }

    AlterConfigsResource<'a> {
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        configs: Array<'a, AlterableConfig<'a>> [0..],
    }

    /// AlterConfigs response.
    AlterConfigsResponse<'a> {
        throttle_time_ms: i32 [0..],
        responses: Array<'a, AlterConfigsResourceResponse<'a>> [0..],
    }

    AlterConfigsResourceResponse<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        resource_type: i8 [0..],
        resource_name: Text<'a> [0..],
    }

    /// IncrementalAlterConfigs request.
    IncrementalAlterConfigsRequest<'a> {
        resources: Array<'a, IncrementalConfigsResource<'a>> [0..],
        validate_only: bool [0..],
    }

    IncrementalConfig<'a> {
        name: &'a str [0..],
        config_operation: i8 [0..],
        value: Option<&'a str> [0..],
    }

    IncrementalConfigsResource<'a> {
        resource_type: i8 [0..],
        resource_name: &'a str [0..],
        configs: Array<'a, IncrementalConfig<'a>> [0..],
    }

    /// IncrementalAlterConfigs response.
    IncrementalAlterConfigsResponse<'a> {
        throttle_time_ms: i32 [0..],
        responses: Array<'a, AlterConfigsResourceResponse<'a>> [0..],
    }

    /// ListConfigResources request.
    ListConfigResourcesRequest<'a> {
        resource_types: Array<'a, i8> [1..],
    }

    /// ListConfigResources response.
    ListConfigResourcesResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        config_resources: Array<'a, ConfigResource<'a>> [0..],
    }

    ConfigResource<'a> {
        resource_name: Text<'a> [0..],
        resource_type: i8 [1..] = 16,
    }
}
