//! `AlterReplicaLogDirs`: there is one journal, and partitions cannot be put elsewhere.

use super::limits::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::replicas::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};

pub(super) fn alter_replica_log_dirs(cx: &mut Cx<'_>, request: AlterReplicaLogDirsRequest<'_>) -> Reply {
    let topics = || request.dirs.iter().flat_map(|dir| dir.topics.iter().collect::<Vec<_>>());
    let named = request.dirs.iter().map(|dir| dir.topics.len() + 1).fold(0, usize::saturating_add);
    if named > ELEMENTS_MAX
        || topics().map(|t| t.partitions.len()).fold(0, usize::saturating_add) > ELEMENTS_MAX
    {
        return Reply::Close;
    }
    let refused = |partition_index| AlterReplicaLogDirPartitionResult {
        partition_index,
        error_code: ErrorCode::LOG_DIR_NOT_FOUND,
    };
    let results = topics().map(|topic| AlterReplicaLogDirTopicResult {
        topic_name: topic.name.into(),
        partitions: topic.partitions.iter().map(refused).collect(),
    });
    cx.reply(&AlterReplicaLogDirsResponse { results: results.collect(), ..Default::default() })
}
