//! Groups of stream processors (KIP-1071).

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// StreamsGroupHeartbeat request.
    StreamsGroupHeartbeatRequest<'a> {
        group_id: &'a str [0..],
        member_id: &'a str [0..],
        member_epoch: i32 [0..],
        endpoint_information_epoch: i32 [0..],
        instance_id: Option<&'a str> [0..],
        rack_id: Option<&'a str> [0..],
        rebalance_timeout_ms: i32 [0..] = -1,
        topology: Option<Topology<'a>> [0..],
        active_tasks: Option<Array<'a, TaskIds<'a>>> [0..],
        standby_tasks: Option<Array<'a, TaskIds<'a>>> [0..],
        warmup_tasks: Option<Array<'a, TaskIds<'a>>> [0..],
        process_id: Option<&'a str> [0..],
        user_endpoint: Option<Endpoint<'a>> [0..],
        client_tags: Option<Array<'a, KeyValue<'a>>> [0..],
        task_offsets: Option<Array<'a, TaskOffset<'a>>> [0..],
        task_end_offsets: Option<Array<'a, TaskOffset<'a>>> [0..],
        shutdown_application: bool [0..],
    }

    KeyValue<'a> {
        key: &'a str [0..],
        value: &'a str [0..],
    }

    TopicInfo<'a> {
        name: &'a str [0..],
        partitions: i32 [0..],
        replication_factor: i16 [0..],
        topic_configs: Array<'a, KeyValue<'a>> [0..],
    }

    CopartitionGroup<'a> {
        source_topics: Array<'a, i16> [0..],
        source_topic_regex: Array<'a, i16> [0..],
        repartition_source_topics: Array<'a, i16> [0..],
    }

    Subtopology<'a> {
        subtopology_id: &'a str [0..],
        source_topics: Array<'a, &'a str> [0..],
        source_topic_regex: Array<'a, &'a str> [0..],
        state_changelog_topics: Array<'a, TopicInfo<'a>> [0..],
        repartition_sink_topics: Array<'a, &'a str> [0..],
        repartition_source_topics: Array<'a, TopicInfo<'a>> [0..],
        copartition_groups: Array<'a, CopartitionGroup<'a>> [0..],
    }

    Topology<'a> {
        epoch: i32 [0..],
        subtopologies: Array<'a, Subtopology<'a>> [0..],
    }

    TaskIds<'a> {
        subtopology_id: &'a str [0..],
        partitions: Array<'a, i32> [0..],
    }

    Endpoint<'a> {
        host: &'a str [0..],
        port: u16 [0..],
    }

    TaskOffset<'a> {
        subtopology_id: &'a str [0..],
        partition: i32 [0..],
        offset: i64 [0..],
    }

    /// StreamsGroupHeartbeat response.
    StreamsGroupHeartbeatResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        member_id: Text<'a> [0..],
        member_epoch: i32 [0..],
        heartbeat_interval_ms: i32 [0..],
        acceptable_recovery_lag: i32 [0..],
        task_offset_interval_ms: i32 [0..],
        status: Option<Array<'a, Status<'a>>> [0..],
        active_tasks: Option<Array<'a, AssignedTaskIds<'a>>> [0..],
        standby_tasks: Option<Array<'a, AssignedTaskIds<'a>>> [0..],
        warmup_tasks: Option<Array<'a, AssignedTaskIds<'a>>> [0..],
        endpoint_information_epoch: i32 [0..],
        partitions_by_user_endpoint: Option<Array<'a, EndpointToPartitions<'a>>> [0..],
    }

    Status<'a> {
        status_code: i8 [0..],
        status_detail: Text<'a> [0..],
    }

    AssignedTaskIds<'a> {
        subtopology_id: Text<'a> [0..],
        partitions: Array<'a, i32> [0..],
    }

    MemberEndpoint<'a> {
        host: Text<'a> [0..],
        port: u16 [0..],
    }

    TopicPartition<'a> {
        topic: Text<'a> [0..],
        partitions: Array<'a, i32> [0..],
    }

    EndpointToPartitions<'a> {
        user_endpoint: MemberEndpoint<'a> [0..],
        active_partitions: Array<'a, TopicPartition<'a>> [0..],
        standby_partitions: Array<'a, TopicPartition<'a>> [0..],
    }

    /// StreamsGroupDescribe request.
    StreamsGroupDescribeRequest<'a> {
        group_ids: Array<'a, &'a str> [0..],
        include_authorized_operations: bool [0..],
    }

    /// StreamsGroupDescribe response.
    StreamsGroupDescribeResponse<'a> {
        throttle_time_ms: i32 [0..],
        groups: Array<'a, DescribedGroup<'a>> [0..],
    }

    DescribedKeyValue<'a> {
        key: Text<'a> [0..],
        value: Text<'a> [0..],
    }

    DescribedTopicInfo<'a> {
        name: Text<'a> [0..],
        partitions: i32 [0..],
        replication_factor: i16 [0..],
        topic_configs: Array<'a, DescribedKeyValue<'a>> [0..],
    }

    DescribedSubtopology<'a> {
        subtopology_id: Text<'a> [0..],
        source_topics: Array<'a, Text<'a>> [0..],
        repartition_sink_topics: Array<'a, Text<'a>> [0..],
        state_changelog_topics: Array<'a, DescribedTopicInfo<'a>> [0..],
        repartition_source_topics: Array<'a, DescribedTopicInfo<'a>> [0..],
    }

    DescribedTopology<'a> {
        epoch: i32 [0..],
        subtopologies: Option<Array<'a, DescribedSubtopology<'a>>> [0..],
    }

    DescribedEndpoint<'a> {
        host: Text<'a> [0..],
        port: u16 [0..],
    }

    DescribedTaskOffset<'a> {
        subtopology_id: Text<'a> [0..],
        partition: i32 [0..],
        offset: i64 [0..],
    }

    DescribedTaskIds<'a> {
        subtopology_id: Text<'a> [0..],
        partitions: Array<'a, i32> [0..],
    }

    DescribedAssignment<'a> {
        active_tasks: Array<'a, DescribedTaskIds<'a>> [0..],
        standby_tasks: Array<'a, DescribedTaskIds<'a>> [0..],
        warmup_tasks: Array<'a, DescribedTaskIds<'a>> [0..],
    }

    DescribedMember<'a> {
        member_id: Text<'a> [0..],
        member_epoch: i32 [0..],
        instance_id: Option<Text<'a>> [0..],
        rack_id: Option<Text<'a>> [0..],
        client_id: Text<'a> [0..],
        client_host: Text<'a> [0..],
        topology_epoch: i32 [0..],
        process_id: Text<'a> [0..],
        user_endpoint: Option<DescribedEndpoint<'a>> [0..],
        client_tags: Array<'a, DescribedKeyValue<'a>> [0..],
        task_offsets: Array<'a, DescribedTaskOffset<'a>> [0..],
        task_end_offsets: Array<'a, DescribedTaskOffset<'a>> [0..],
        assignment: DescribedAssignment<'a> [0..],
        target_assignment: DescribedAssignment<'a> [0..],
        is_classic: bool [0..],
    }

    DescribedGroup<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        group_id: Text<'a> [0..],
        group_state: Text<'a> [0..],
        group_epoch: i32 [0..],
        assignment_epoch: i32 [0..],
        topology: Option<DescribedTopology<'a>> [0..],
        members: Array<'a, DescribedMember<'a>> [0..],
        authorized_operations: i32 [0..] = i32::MIN,
    }
}
