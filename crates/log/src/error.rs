//! What can go wrong, by what a caller does about it.

use std::io;

use anymq_types::Position;

/// The journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Written by a newer version.
    #[error("{file} has format version {found}, this program reads up to {known}: use a newer anymq")]
    NewerFormat {
        /// File that says so.
        file: String,
        /// Its version.
        found: u32,
        /// Newest version this program reads.
        known: u32,
    },
    /// A file that belongs to another data directory.
    #[error("{file} belongs to another data directory (id {found:032x}, expected {expected:032x})")]
    Foreign {
        /// The file.
        file: String,
        /// Identity in the file.
        found: u128,
        /// Identity of this directory.
        expected: u128,
    },
    /// A file whose header or trailer does not verify.
    #[error("{file} is damaged: {what}; run `anymq repair`")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Valid data stands behind data that does not verify: not a torn tail, and nothing is cut silently.
    #[error(
        "the journal is corrupt at segment {} offset {} ({}): {what}; run `anymq check`, then `anymq repair`",
        at.segment(), at.offset(), file
    )]
    Corrupt {
        /// First position that does not verify.
        at: Position,
        /// File of the segment.
        file: String,
        /// How it was found.
        what: &'static str,
    },
    /// A segment that must be there is not.
    #[error("journal segment {segment} is missing; run `anymq repair` to continue without it")]
    MissingSegment {
        /// Its id.
        segment: u32,
    },
    /// No snapshot verifies and the journal does not reach back to its beginning.
    #[error(
        "no usable snapshot, and the journal starts at segment {first}, not at its beginning; run `anymq repair`"
    )]
    NoSnapshot {
        /// First segment there is.
        first: u32,
    },
    /// The broker refused what was replayed.
    #[error("replay failed at {at}: {source}")]
    Replay {
        /// Frame it failed at; the snapshot's position if it was a chunk of that.
        at: Position,
        /// What the broker said.
        #[source]
        source: ReplayError,
    },
    /// The disk failed.
    #[error("{file}: {source}")]
    Io {
        /// File or directory.
        file: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(file: impl Into<String>) -> impl FnOnce(io::Error) -> OpenError {
        let file = file.into();
        move |source| OpenError::Io { file, source }
    }
}

/// What the broker says when it cannot apply a snapshot chunk or a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReplayError(pub String);

/// A span could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The segment was recycled, or never was.
    #[error("segment {0} is not there")]
    NoSegment(u32),
    /// The span reaches beyond what was written.
    #[error("{bytes} bytes at {at} reach beyond the end of the segment")]
    OutOfRange {
        /// Start of the span.
        at: Position,
        /// Its length.
        bytes: u32,
    },
    /// More reads are waiting than [`crate::Config::reads_max`].
    #[error("too many reads are waiting")]
    Busy,
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
    /// The disk failed.
    #[error("reading segment {segment}: {source}")]
    Io {
        /// The segment.
        segment: u32,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// What does not verify about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// It is cut short, or claims to be longer than what holds it.
    #[error("its length does not fit")]
    Length,
    /// Its bytes are not those that were written.
    #[error("its checksum does not match")]
    Checksum,
}

/// A frame that does not verify: never served, and no reason to drop its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad frame in segment {} at offset {} (kind {kind}): {fault}", at.segment(), at.offset())]
pub struct BadFrame {
    /// Where it starts.
    pub at: Position,
    /// Its kind, as far as its header can be believed.
    pub kind: u8,
    /// What is wrong.
    pub fault: FrameFault,
}

/// Something was not made durable.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A write or fsync failed; the journal will not commit again in this process.
    #[error("the journal has failed: {0}")]
    Failed(String),
    /// The disk is full; nothing is lost, and it goes on when there is room.
    #[error("the disk is full")]
    Full,
}

/// A snapshot or an archive segment could not be written. The journal itself goes on.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No room: worth trying again when there is.
    #[error("the disk is full")]
    Full,
    /// What the snapshot stands on was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The journal is written by [`crate::Writer`] alone.
    #[error("the journal is not an archive")]
    NotAnArchive,
    /// A chunk or frame is larger than allowed.
    #[error("{bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The disk failed.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl WriteError {
    pub(crate) fn io(file: &str) -> impl FnOnce(io::Error) -> WriteError + '_ {
        move |source| {
            if is_full(&source) { WriteError::Full } else { WriteError::Io { file: file.to_owned(), source } }
        }
    }
}

/// Whether the disk, or this user's share of it, has no room left.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
