//! The table of apis: key, versions that can be decoded, first flexible version, request and response.

use std::ops::RangeInclusive;

use super::errors::WireError;
use super::message::{Field, Version};
use super::messages::*;
use super::primitives::Reader;
use super::writer::{Segments, Writer};

/// A response to an api.
pub trait IntoResponse<'a>: Field<'a> {
    /// The api it answers.
    const API: ApiKey;

    /// The whole frame.
    fn encode(&self, version: i16, correlation_id: i32) -> Segments {
        let mut out = Writer::response(Self::API, version, correlation_id);
        self.write(&mut out, Self::API.version(version));
        out.finish()
    }
}

macro_rules! apis {
    ($($Api:ident = $code:literal, $versions:expr, $flexible:expr => $request_mod:ident::$Request:ident$(<$rl:lifetime>)?,
        $response_mod:ident::$Response:ident$(<$sl:lifetime>)?;)*) => {
        /// What can be asked, named as the protocol guide names it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[allow(missing_docs, reason = "the names are the protocol guide's")]
        pub enum ApiKey {
            $($Api = $code,)*
        }

        impl ApiKey {
            /// All of them, in the order of their codes.
            pub const ALL: &[ApiKey] = &[$(ApiKey::$Api),*];

            /// The api of a code.
            pub fn from_code(code: i16) -> Option<ApiKey> {
                match code {
                    $($code => Some(ApiKey::$Api),)*
                    _ => None,
                }
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(ApiKey::$Api => stringify!($Api),)*
                }
            }

            /// Versions that can be decoded.
            pub fn decodes(self) -> RangeInclusive<i16> {
                match self {
                    $(ApiKey::$Api => $versions,)*
                }
            }

            /// First flexible version; `i16::MAX` if none is.
            pub fn flexible_from(self) -> i16 {
                match self {
                    $(ApiKey::$Api => $flexible,)*
                }
            }
        }

        /// A request, in place.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the names are the protocol guide's")]
        #[allow(clippy::large_enum_variant, reason = "it lives on the stack for the time of one request")]
        pub enum Request<'a> {
            $($Api($request_mod::$Request$(<$rl>)?),)*
        }

        impl<'a> Request<'a> {
            /// The request in a body. Bytes after it are left, as Kafka leaves them.
            ///
            /// # Errors
            /// A version that is not known, a body that is not well-formed.
            pub fn decode(api: ApiKey, version: i16, body: Reader<'a>) -> Result<Self, WireError> {
                let (mut body, version) = api.checked(version, body)?;
                Ok(match api {
                    $(ApiKey::$Api => Request::$Api(Field::read(&mut body, version)?),)*
                })
            }

            /// The api it asks.
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Request::$Api(_) => ApiKey::$Api,)*
                }
            }

            /// Appends its body.
            pub fn write(&self, out: &mut Writer, version: i16) {
                match self {
                    $(Request::$Api(request) => request.write(out, ApiKey::$Api.version(version)),)*
                }
            }
        }

        /// A response.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the names are the protocol guide's")]
        #[allow(clippy::large_enum_variant, reason = "it lives on the stack for the time of one response")]
        pub enum Response<'a> {
            $($Api($response_mod::$Response$(<$sl>)?),)*
        }

        impl<'a> Response<'a> {
            /// The response in a body: the client's side.
            ///
            /// # Errors
            /// A version that is not known, a body that is not well-formed.
            pub fn decode(api: ApiKey, version: i16, body: Reader<'a>) -> Result<Self, WireError> {
                let (mut body, version) = api.checked(version, body)?;
                Ok(match api {
                    $(ApiKey::$Api => Response::$Api(Field::read(&mut body, version)?),)*
                })
            }

            /// The api it answers.
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Response::$Api(_) => ApiKey::$Api,)*
                }
            }

            /// Appends its body.
            pub fn write(&self, out: &mut Writer, version: i16) {
                match self {
                    $(Response::$Api(response) => response.write(out, ApiKey::$Api.version(version)),)*
                }
            }

            /// The whole frame.
            pub fn encode(&self, version: i16, correlation_id: i32) -> Segments {
                match self {
                    $(Response::$Api(response) => response.encode(version, correlation_id),)*
                }
            }
        }

        #[cfg(test)]
        impl Request<'static> {
            /// Any request of that api.
            pub(crate) fn sample(api: ApiKey, dice: &mut super::tests::sample::Dice) -> Self {
                use super::tests::sample::Sample;
                match api {
                    $(ApiKey::$Api => Request::$Api(Sample::sample(dice)),)*
                }
            }
        }

        #[cfg(test)]
        impl Response<'static> {
            /// Any response of that api.
            pub(crate) fn sample(api: ApiKey, dice: &mut super::tests::sample::Dice) -> Self {
                use super::tests::sample::Sample;
                match api {
                    $(ApiKey::$Api => Response::$Api(Sample::sample(dice)),)*
                }
            }
        }

        $(
            impl<'a> IntoResponse<'a> for $response_mod::$Response$(<$sl>)? {
                const API: ApiKey = ApiKey::$Api;
            }

            impl<'a> From<$response_mod::$Response$(<$sl>)?> for Response<'a> {
                fn from(response: $response_mod::$Response$(<$sl>)?) -> Self {
                    Response::$Api(response)
                }
            }

            impl<'a> From<$request_mod::$Request$(<$rl>)?> for Request<'a> {
                fn from(request: $request_mod::$Request$(<$rl>)?) -> Self {
                    Request::$Api(request)
                }
            }
        )*
    };
}

apis! {
    Produce = 0, 0..=13, 9 => produce::ProduceRequest<'a>, produce::ProduceResponse<'a>;
    Fetch = 1, 4..=18, 12 => fetch::FetchRequest<'a>, fetch::FetchResponse<'a>;
    ListOffsets = 2, 0..=11, 6 => offsets::ListOffsetsRequest<'a>, offsets::ListOffsetsResponse<'a>;
    Metadata = 3, 0..=13, 9 => metadata::MetadataRequest<'a>, metadata::MetadataResponse<'a>;
    OffsetCommit = 8, 2..=10, 8 => committed::OffsetCommitRequest<'a>, committed::OffsetCommitResponse<'a>;
    OffsetFetch = 9, 1..=10, 6 => committed::OffsetFetchRequest<'a>, committed::OffsetFetchResponse<'a>;
    FindCoordinator = 10, 0..=6, 3 => classic_groups::FindCoordinatorRequest<'a>, classic_groups::FindCoordinatorResponse<'a>;
    JoinGroup = 11, 0..=9, 6 => classic_groups::JoinGroupRequest<'a>, classic_groups::JoinGroupResponse<'a>;
    Heartbeat = 12, 0..=4, 4 => classic_groups::HeartbeatRequest<'a>, classic_groups::HeartbeatResponse;
    LeaveGroup = 13, 0..=5, 4 => classic_groups::LeaveGroupRequest<'a>, classic_groups::LeaveGroupResponse<'a>;
    SyncGroup = 14, 0..=5, 4 => classic_groups::SyncGroupRequest<'a>, classic_groups::SyncGroupResponse<'a>;
    DescribeGroups = 15, 0..=6, 5 => group_admin::DescribeGroupsRequest<'a>, group_admin::DescribeGroupsResponse<'a>;
    ListGroups = 16, 0..=5, 3 => group_admin::ListGroupsRequest<'a>, group_admin::ListGroupsResponse<'a>;
    SaslHandshake = 17, 0..=1, i16::MAX => sasl::SaslHandshakeRequest<'a>, sasl::SaslHandshakeResponse<'a>;
    ApiVersions = 18, 0..=4, 3 => api_versions::ApiVersionsRequest<'a>, api_versions::ApiVersionsResponse<'a>;
    CreateTopics = 19, 2..=7, 5 => topics::CreateTopicsRequest<'a>, topics::CreateTopicsResponse<'a>;
    DeleteTopics = 20, 1..=6, 4 => topics::DeleteTopicsRequest<'a>, topics::DeleteTopicsResponse<'a>;
    DeleteRecords = 21, 0..=2, 2 => offsets::DeleteRecordsRequest<'a>, offsets::DeleteRecordsResponse<'a>;
    InitProducerId = 22, 0..=5, 2 => transactions::InitProducerIdRequest<'a>, transactions::InitProducerIdResponse;
    OffsetForLeaderEpoch = 23, 2..=4, 4 => offsets::OffsetForLeaderEpochRequest<'a>, offsets::OffsetForLeaderEpochResponse<'a>;
    AddPartitionsToTxn = 24, 0..=5, 3 => transactions::AddPartitionsToTxnRequest<'a>, transactions::AddPartitionsToTxnResponse<'a>;
    AddOffsetsToTxn = 25, 0..=4, 3 => transactions::AddOffsetsToTxnRequest<'a>, transactions::AddOffsetsToTxnResponse;
    EndTxn = 26, 0..=5, 3 => transactions::EndTxnRequest<'a>, transactions::EndTxnResponse;
    WriteTxnMarkers = 27, 1..=2, 1 => transaction_admin::WriteTxnMarkersRequest<'a>, transaction_admin::WriteTxnMarkersResponse<'a>;
    TxnOffsetCommit = 28, 0..=5, 3 => transactions::TxnOffsetCommitRequest<'a>, transactions::TxnOffsetCommitResponse<'a>;
    DescribeAcls = 29, 1..=3, 2 => acls::DescribeAclsRequest<'a>, acls::DescribeAclsResponse<'a>;
    CreateAcls = 30, 1..=3, 2 => acls::CreateAclsRequest<'a>, acls::CreateAclsResponse<'a>;
    DeleteAcls = 31, 1..=3, 2 => acls::DeleteAclsRequest<'a>, acls::DeleteAclsResponse<'a>;
    DescribeConfigs = 32, 1..=4, 4 => configs::DescribeConfigsRequest<'a>, configs::DescribeConfigsResponse<'a>;
    AlterConfigs = 33, 0..=2, 2 => configs::AlterConfigsRequest<'a>, configs::AlterConfigsResponse<'a>;
    AlterReplicaLogDirs = 34, 1..=2, 2 => replicas::AlterReplicaLogDirsRequest<'a>, replicas::AlterReplicaLogDirsResponse<'a>;
    DescribeLogDirs = 35, 1..=4, 2 => replicas::DescribeLogDirsRequest<'a>, replicas::DescribeLogDirsResponse<'a>;
    SaslAuthenticate = 36, 0..=2, 2 => sasl::SaslAuthenticateRequest<'a>, sasl::SaslAuthenticateResponse<'a>;
    CreatePartitions = 37, 0..=3, 2 => topics::CreatePartitionsRequest<'a>, topics::CreatePartitionsResponse<'a>;
    CreateDelegationToken = 38, 1..=3, 2 => tokens::CreateDelegationTokenRequest<'a>, tokens::CreateDelegationTokenResponse<'a>;
    RenewDelegationToken = 39, 1..=2, 2 => tokens::RenewDelegationTokenRequest<'a>, tokens::RenewDelegationTokenResponse;
    ExpireDelegationToken = 40, 1..=2, 2 => tokens::ExpireDelegationTokenRequest<'a>, tokens::ExpireDelegationTokenResponse;
    DescribeDelegationToken = 41, 1..=3, 2 => tokens::DescribeDelegationTokenRequest<'a>, tokens::DescribeDelegationTokenResponse<'a>;
    DeleteGroups = 42, 0..=2, 2 => group_admin::DeleteGroupsRequest<'a>, group_admin::DeleteGroupsResponse<'a>;
    ElectLeaders = 43, 0..=2, 2 => cluster::ElectLeadersRequest<'a>, cluster::ElectLeadersResponse<'a>;
    IncrementalAlterConfigs = 44, 0..=1, 1 => configs::IncrementalAlterConfigsRequest<'a>, configs::IncrementalAlterConfigsResponse<'a>;
    AlterPartitionReassignments = 45, 0..=1, 0 => replicas::AlterPartitionReassignmentsRequest<'a>, replicas::AlterPartitionReassignmentsResponse<'a>;
    ListPartitionReassignments = 46, 0..=0, 0 => replicas::ListPartitionReassignmentsRequest<'a>, replicas::ListPartitionReassignmentsResponse<'a>;
    OffsetDelete = 47, 0..=0, i16::MAX => committed::OffsetDeleteRequest<'a>, committed::OffsetDeleteResponse<'a>;
    DescribeClientQuotas = 48, 0..=1, 1 => quotas::DescribeClientQuotasRequest<'a>, quotas::DescribeClientQuotasResponse<'a>;
    AlterClientQuotas = 49, 0..=1, 1 => quotas::AlterClientQuotasRequest<'a>, quotas::AlterClientQuotasResponse<'a>;
    DescribeUserScramCredentials = 50, 0..=0, 0 => quotas::DescribeUserScramCredentialsRequest<'a>, quotas::DescribeUserScramCredentialsResponse<'a>;
    AlterUserScramCredentials = 51, 0..=0, 0 => quotas::AlterUserScramCredentialsRequest<'a>, quotas::AlterUserScramCredentialsResponse<'a>;
    DescribeQuorum = 55, 0..=2, 0 => cluster::DescribeQuorumRequest<'a>, cluster::DescribeQuorumResponse<'a>;
    UpdateFeatures = 57, 0..=2, 0 => cluster::UpdateFeaturesRequest<'a>, cluster::UpdateFeaturesResponse<'a>;
    DescribeCluster = 60, 0..=2, 0 => cluster::DescribeClusterRequest, cluster::DescribeClusterResponse<'a>;
    DescribeProducers = 61, 0..=0, 0 => transaction_admin::DescribeProducersRequest<'a>, transaction_admin::DescribeProducersResponse<'a>;
    DescribeTransactions = 65, 0..=0, 0 => transaction_admin::DescribeTransactionsRequest<'a>, transaction_admin::DescribeTransactionsResponse<'a>;
    ListTransactions = 66, 0..=2, 0 => transaction_admin::ListTransactionsRequest<'a>, transaction_admin::ListTransactionsResponse<'a>;
    ConsumerGroupHeartbeat = 68, 0..=1, 0 => consumer_groups::ConsumerGroupHeartbeatRequest<'a>, consumer_groups::ConsumerGroupHeartbeatResponse<'a>;
    ConsumerGroupDescribe = 69, 0..=1, 0 => consumer_groups::ConsumerGroupDescribeRequest<'a>, consumer_groups::ConsumerGroupDescribeResponse<'a>;
    ListConfigResources = 74, 0..=1, 0 => configs::ListConfigResourcesRequest<'a>, configs::ListConfigResourcesResponse<'a>;
    DescribeTopicPartitions = 75, 0..=0, 0 => metadata::DescribeTopicPartitionsRequest<'a>, metadata::DescribeTopicPartitionsResponse<'a>;
    ShareGroupHeartbeat = 76, 1..=1, 0 => share_groups::ShareGroupHeartbeatRequest<'a>, share_groups::ShareGroupHeartbeatResponse<'a>;
    ShareGroupDescribe = 77, 1..=1, 0 => share_groups::ShareGroupDescribeRequest<'a>, share_groups::ShareGroupDescribeResponse<'a>;
    ShareFetch = 78, 1..=2, 0 => share_fetch::ShareFetchRequest<'a>, share_fetch::ShareFetchResponse<'a>;
    ShareAcknowledge = 79, 1..=2, 0 => share_fetch::ShareAcknowledgeRequest<'a>, share_fetch::ShareAcknowledgeResponse<'a>;
    StreamsGroupHeartbeat = 88, 0..=0, 0 => streams_groups::StreamsGroupHeartbeatRequest<'a>, streams_groups::StreamsGroupHeartbeatResponse<'a>;
    StreamsGroupDescribe = 89, 0..=0, 0 => streams_groups::StreamsGroupDescribeRequest<'a>, streams_groups::StreamsGroupDescribeResponse<'a>;
    DescribeShareGroupOffsets = 90, 0..=1, 0 => share_groups::DescribeShareGroupOffsetsRequest<'a>, share_groups::DescribeShareGroupOffsetsResponse<'a>;
    AlterShareGroupOffsets = 91, 0..=0, 0 => share_groups::AlterShareGroupOffsetsRequest<'a>, share_groups::AlterShareGroupOffsetsResponse<'a>;
    DeleteShareGroupOffsets = 92, 0..=0, 0 => share_groups::DeleteShareGroupOffsetsRequest<'a>, share_groups::DeleteShareGroupOffsetsResponse<'a>;
}

impl ApiKey {
    /// Its code on the wire.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// A version of it, with the encoding that it has.
    pub fn version(self, number: i16) -> Version {
        Version { number, flexible: number >= self.flexible_from() }
    }

    /// Whether the response's header ends with tagged fields. Never that of `ApiVersions`: a client that asks in a
    /// version the server does not know must be able to read the answer.
    pub fn response_header_is_flexible(self, version: i16) -> bool {
        self != ApiKey::ApiVersions && self.version(version).flexible
    }

    fn checked<'a>(self, version: i16, body: Reader<'a>) -> Result<(Reader<'a>, Version), WireError> {
        if !self.decodes().contains(&version) {
            return Err(WireError::UnsupportedVersion { api: self, version });
        }
        Ok((body, self.version(version)))
    }
}
