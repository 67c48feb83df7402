//! The journal: segments, group commit, recovery, snapshots, reclaim.
