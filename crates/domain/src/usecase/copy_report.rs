use std::fmt;
use std::ops::ControlFlow;

use crate::Error;
use crate::model::Serial;

/// What a copy is made of, in the order in which it is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CopiedKind {
    /// Key pairs, in every state.
    KeyPairs,
    /// Users.
    Users,
    /// API keys: their digests.
    ApiKeys,
    /// The catalogue of time partitions, in every state.
    Partitions,
    /// Documents with their access lists.
    Documents,
    /// The copies of documents that legal holds keep.
    HeldDocuments,
    /// Legal holds.
    Holds,
    /// The audit log.
    Audit,
}

impl CopiedKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::KeyPairs,
        Self::Users,
        Self::ApiKeys,
        Self::Partitions,
        Self::Documents,
        Self::HeldDocuments,
        Self::Holds,
        Self::Audit,
    ];

    /// Its name, in the plural.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyPairs => "key pairs",
            Self::Users => "users",
            Self::ApiKeys => "API keys",
            Self::Partitions => "partitions",
            Self::Documents => "documents",
            Self::HeldDocuments => "held documents",
            Self::Holds => "legal holds",
            Self::Audit => "audit entries",
        }
    }

    /// Whether the target may have rows of its own: what it did itself, and by which key pairs; and
    /// partitions that it has made ahead.
    #[must_use]
    pub const fn may_have_others(self) -> bool {
        matches!(self, Self::KeyPairs | Self::Partitions | Self::Audit)
    }
}

impl fmt::Display for CopiedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// SHA-256 over rows in the order of their keys, each in one canonical encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowsDigest(pub [u8; 32]);

/// 64 lower-case hexadecimal digits.
impl fmt::Display for RowsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RowsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowsDigest({self})")
    }
}

/// What is known of the rows of one kind, from reading both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Which kind.
    pub kind: CopiedKind,
    /// Rows that this run has put into the target.
    pub copied: u64,
    /// Rows of the source.
    pub source: u64,
    /// Those of them that the target has, in whatever form.
    pub target: u64,
    /// Rows that the target has and the source has not.
    pub others: u64,
    /// The digest of the source's rows.
    pub source_digest: RowsDigest,
    /// The digest of the target's rows, without the others.
    pub target_digest: RowsDigest,
    /// The first row, in their order, that the target lacks or has in another form.
    pub first_difference: Option<String>,
    /// The first row that the target alone has.
    pub first_other: Option<String>,
    /// Whether the source's rows changed while they were copied.
    pub source_changed: bool,
}

impl Compared {
    /// Whether the target has just what the source has, and no more than it may.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.source == self.target
            && self.source_digest == self.target_digest
            && !self.source_changed
            && (self.others == 0 || self.kind.may_have_others())
    }
}

/// What a copy came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Kind by kind, after all was read back.
    pub kinds: Vec<Compared>,
    /// Private halves that were carried over in this run.
    pub private_halves: u64,
    /// Rows that could not be copied; each was told.
    pub failed: u64,
    /// Whether it was told to stop before the end: then nothing was read back.
    pub stopped: bool,
    /// Whether nothing but key pairs was copied, because one of them could not be: every document
    /// hangs on one.
    pub blocked: bool,
}

impl Copied {
    /// Whether the target is a whole copy of the source.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.stopped
            && !self.blocked
            && self.failed == 0
            && self.kinds.iter().all(Compared::is_equal)
    }
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// Whether it reads both sides to compare them; otherwise it copies.
    pub verifying: bool,
    /// What it is at.
    pub kind: CopiedKind,
    /// Rows of the kind that were looked at.
    pub seen: u64,
    /// Those of them that were put into the target.
    pub copied: u64,
}

/// Why a row was not copied.
#[derive(Debug)]
pub enum NotCopied {
    /// The target has another row in its place, which was left as it is.
    Differs,
    /// The key pair that its key is wrapped under is stopped: the key cannot be wrapped anew.
    KeyPairStopped(Serial),
    /// The legal hold is begun and not complete.
    HoldIncomplete,
    /// Anything else that concerns the row alone.
    Failed(Error),
}

/// Who follows a copy.
pub trait CopyWatch: Send {
    /// A row was not copied.
    fn not_copied(&mut self, kind: CopiedKind, row: &str, why: &NotCopied);

    /// How far it is: told after every page. `Break` stops it; running it again goes on from there.
    fn progress(&mut self, progress: &CopyProgress) -> ControlFlow<()>;
}
