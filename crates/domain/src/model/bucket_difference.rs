use std::fmt;

use super::{BucketRule, PublicAccess, RetentionClass, Versioning};

/// How a bucket stands to one rule of its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleStanding {
    /// What is asked of the bucket.
    pub rule: BucketRule,
    /// How it stands to that.
    pub standing: Standing,
}

/// How a bucket stands to a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does what is asked.
    Right,
    /// It does not.
    Differs(Difference),
    /// The store has no such thing.
    NotImplemented,
    /// The store refuses to tell, in its words.
    Unseen(String),
}

/// How bad that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// It is as it should be, or as good.
    None,
    /// A net is missing, or something is open that need not be.
    Warning,
    /// Documents will be lost.
    Loss,
}

/// What a bucket does that it should not, or does not do that it should. In words: what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// No rule in force deletes the objects of a class with a lifetime.
    ExpiryMissing {
        /// The class.
        class: RetentionClass,
        /// The days after which they should go.
        planned: u32,
    },
    /// A rule of ours deletes objects whose documents are still alive.
    ExpiryTooSoon {
        /// The class.
        class: RetentionClass,
        /// The days after which they go.
        found: u32,
        /// The days after which they should go.
        planned: u32,
    },
    /// Objects stay longer than they should.
    ExpiryTooLate {
        /// The class.
        class: RetentionClass,
        /// The days after which they go.
        found: u32,
        /// The days after which they should go.
        planned: u32,
    },
    /// A rule of ours deletes the objects of documents that have no limit.
    ExpiryUnwanted {
        /// The class.
        class: RetentionClass,
        /// The days after which they go.
        found: u32,
    },
    /// Former versions of what has expired stay, or its delete markers.
    VersionsStay {
        /// The class.
        class: RetentionClass,
    },
    /// Unfinished uploads stay.
    UploadsStay {
        /// Whether the store may drop them by itself.
        may_be_dropped: bool,
    },
    /// A rule of somebody else deletes documents before their time.
    OthersExpiry {
        /// Its name.
        id: String,
        /// The days after which it deletes them; `None`: on a certain day.
        after: Option<u32>,
        /// Whether it deletes what is held.
        holds: bool,
        /// The classes that it deletes documents of.
        classes: Vec<RetentionClass>,
    },
    /// Pages of these origins cannot put and get objects.
    CorsLacks(Vec<String>),
    /// Our rule lets pages of these origins in, which are not configured.
    CorsSurplus(Vec<String>),
    /// These ways to make it public are open.
    Public(Vec<PublicAccess>),
    /// Versions are not kept.
    NoVersions(Versioning),
}

impl RuleStanding {
    pub(super) fn new(rule: BucketRule, standing: Standing) -> Self {
        Self { rule, standing }
    }

    /// How bad it is.
    #[must_use]
    pub fn concern(&self) -> Concern {
        match (&self.standing, &self.rule) {
            (Standing::Right, _) => Concern::None,
            (Standing::Differs(difference), _) => difference.concern(),
            (Standing::NotImplemented, BucketRule::Expiry(..) | BucketRule::Versioning)
            | (Standing::Unseen(_), _) => Concern::Warning,
            (Standing::NotImplemented, _) => Concern::None,
        }
    }

    /// What to do; `None` if there is nothing to do.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        match &self.standing {
            Standing::Right => None,
            Standing::Differs(difference) => Some(difference.fix()),
            Standing::NotImplemented => Some(instead(&self.rule).to_owned()),
            Standing::Unseen(_) => {
                let right = self.right_to_look();
                Some(format!("give the credentials {right} on the bucket"))
            }
        }
    }

    fn right_to_look(&self) -> &'static str {
        match self.rule {
            BucketRule::Expiry(..)
            | BucketRule::FormerVersions(_)
            | BucketRule::UnfinishedUploads
            | BucketRule::OthersRules => "s3:GetLifecycleConfiguration",
            BucketRule::Cors(_) => "s3:GetBucketCORS",
            BucketRule::PublicAccess => "s3:GetBucketPublicAccessBlock",
            BucketRule::Versioning => "s3:GetBucketVersioning",
        }
    }
}

/// What was found, such as `public access is blocked`.
impl fmt::Display for RuleStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.standing {
            Standing::Right => self.rule.fmt(f),
            Standing::Differs(difference) => difference.fmt(f),
            Standing::NotImplemented => {
                write!(f, "the store cannot be told that {}", self.rule)
            }
            Standing::Unseen(why) => {
                write!(f, "whether {}, the store does not say: {why}", self.rule)
            }
        }
    }
}

/// What to do where a store cannot be told.
fn instead(rule: &BucketRule) -> &'static str {
    match rule {
        BucketRule::Expiry(..) => {
            "the service deletes by itself what has expired, and nothing stands behind it here: watch \
             that it does (docs/operations.md)"
        }
        BucketRule::FormerVersions(_) | BucketRule::OthersRules => {
            "a store without such rules deletes nothing by itself: nothing is to be done"
        }
        BucketRule::UnfinishedUploads => {
            "end them by the store's own means, where it does not drop them by itself"
        }
        BucketRule::Cors(_) => {
            "allow these origins where the store itself is configured: MinIO by \
             MINIO_API_CORS_ALLOW_ORIGIN, versitygw by --cors-allow-origin"
        }
        BucketRule::PublicAccess => {
            "see to it that no policy or access list of the bucket lets everybody in"
        }
        BucketRule::Versioning => "set `blobs.s3.versioning` = false, or use a store that has them",
    }
}

impl Difference {
    fn concern(&self) -> Concern {
        match self {
            Self::ExpiryTooSoon { .. }
            | Self::ExpiryUnwanted { .. }
            | Self::OthersExpiry { .. } => Concern::Loss,
            Self::UploadsStay {
                may_be_dropped: true,
            } => Concern::None,
            Self::ExpiryMissing { .. }
            | Self::ExpiryTooLate { .. }
            | Self::VersionsStay { .. }
            | Self::UploadsStay { .. }
            | Self::CorsLacks(_)
            | Self::CorsSurplus(_)
            | Self::Public(_)
            | Self::NoVersions(_) => Concern::Warning,
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::OthersExpiry { id, .. } => format!(
                "the rule `{id}` is not ours, so setup leaves it: give it a prefix of its own that \
                 is neither `hold/` nor a number, or remove it"
            ),
            Self::UploadsStay {
                may_be_dropped: true,
            } => "run `crypt-keeper setup`; a store that refuses this rule is one that drops them by \
                  itself (MinIO: after a day) or must be looked after by its own means"
                .to_owned(),
            Self::ExpiryTooSoon { .. } | Self::ExpiryUnwanted { .. } => {
                "run `crypt-keeper setup` now, before the rule does".to_owned()
            }
            Self::ExpiryMissing { .. }
            | Self::ExpiryTooLate { .. }
            | Self::VersionsStay { .. }
            | Self::UploadsStay { .. }
            | Self::CorsSurplus(_)
            | Self::Public(_)
            | Self::NoVersions(_) => "run `crypt-keeper setup`".to_owned(),
            Self::CorsLacks(_) => "run `crypt-keeper setup`; if it says that the store has no such \
                                   rules, allow these origins where the store itself is \
                                   configured (MinIO: MINIO_API_CORS_ALLOW_ORIGIN)"
                .to_owned(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpiryMissing { class, planned } => write!(
                f,
                "no rule in force deletes the objects of retention class {class}: they should go \
                 after {planned} days"
            ),
            Self::ExpiryTooSoon {
                class,
                found,
                planned,
            } => write!(
                f,
                "a rule deletes the objects of retention class {class} after {found} days, while \
                 their documents may be alive: they should go after {planned} days"
            ),
            Self::ExpiryTooLate {
                class,
                found,
                planned,
            } => write!(
                f,
                "objects of retention class {class} go after {found} days only: they should go \
                 after {planned} days"
            ),
            Self::ExpiryUnwanted { class, found } => write!(
                f,
                "a rule deletes the objects of retention class {class} after {found} days, whose \
                 documents are kept until they are deleted"
            ),
            Self::VersionsStay { class } => write!(
                f,
                "former versions of objects of retention class {class}, or their delete markers, \
                 stay when they have expired"
            ),
            Self::UploadsStay { .. } => {
                f.write_str("no rule ends uploads that were never finished, whose parts cost room")
            }
            Self::OthersExpiry {
                id,
                after,
                holds,
                classes,
            } => {
                write!(f, "the rule `{id}` deletes ")?;
                if *holds {
                    f.write_str("what is under legal hold")?;
                }
                for (number, class) in classes.iter().enumerate() {
                    let before = match (number, holds) {
                        (0, false) => "documents of retention class ",
                        (0, true) => ", and documents of retention class ",
                        _ => ", ",
                    };
                    write!(f, "{before}{class}")?;
                }
                match after {
                    Some(days) => write!(f, " after {days} days"),
                    None => f.write_str(" on a certain day"),
                }
            }
            Self::CorsLacks(origins) => write!(
                f,
                "no rule lets pages of {} put and get objects, and read their ETag",
                origins.join(", ")
            ),
            Self::CorsSurplus(origins) => write!(
                f,
                "our rule lets pages of {} in, which `blobs.s3.cors_origins` does not name",
                origins.join(", ")
            ),
            Self::Public(open) => {
                let lacking: Vec<_> = open.iter().map(|way| way.shut_by()).collect();
                write!(
                    f,
                    "public access is not blocked: {} is off",
                    lacking.join(", ")
                )
            }
            Self::NoVersions(Versioning::Suspended) => {
                f.write_str("versions are asked for, and were suspended")
            }
            Self::NoVersions(_) => f.write_str("versions are asked for, and not kept"),
        }
    }
}
