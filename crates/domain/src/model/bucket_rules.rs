//! What a bucket does by itself, and whom it lets in: the parts of a bucket's configuration that
//! matter to documents.

use std::fmt;

use super::RetentionClass;

/// What is known of a bucket's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketState {
    /// What is deleted by itself.
    pub lifecycle: Seen<Vec<LifecycleRule>>,
    /// Which web pages may send requests.
    pub cors: Seen<Vec<CorsRule>>,
    /// Which of the four ways to make it public are left open.
    pub public_access: Seen<Vec<PublicAccess>>,
    /// Whether it keeps versions.
    pub versioning: Seen<Versioning>,
    /// Whether the store drops unfinished uploads without being told, as far as is known.
    pub may_drop_uploads: bool,
}

impl BucketState {
    /// A bucket that was made a moment ago, of a store that has everything.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            lifecycle: Seen::Is(Vec::new()),
            cors: Seen::Is(Vec::new()),
            public_access: Seen::Is(PublicAccess::ALL.to_vec()),
            versioning: Seen::Is(Versioning::Never),
            may_drop_uploads: false,
        }
    }
}

/// A part of a configuration, if it could be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It is this.
    Is(T),
    /// The store has no such thing.
    NotImplemented,
    /// The store refuses to tell, in its words.
    Refused(String),
}

/// One rule of what is deleted by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Its name. Ours begin with [`LifecycleRule::OURS`].
    pub id: String,
    /// Which objects it is for; empty: all of the bucket.
    pub prefix: String,
    /// Whether it is in force.
    pub is_enabled: bool,
    /// Whether it is for some objects of the prefix alone: by tag, or by size.
    pub is_narrowed: bool,
    /// When objects are deleted.
    pub expiry: Option<ObjectExpiry>,
    /// After how many days versions are deleted that are not the latest any more.
    pub former_versions_after: Option<u32>,
    /// After how many days an upload that is not finished is ended.
    pub uploads_end_after: Option<u32>,
}

/// When a rule deletes objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectExpiry {
    /// So many days after they were put.
    Days(u32),
    /// On a certain day, whenever they were put.
    OnDate,
    /// Never; only delete markers that hide nothing any more go.
    Markers,
}

impl LifecycleRule {
    /// What the names of our rules begin with. All others are somebody else's, and stay.
    pub const OURS: &'static str = "crypt-keeper-";

    /// Whether it is one of ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.id.starts_with(Self::OURS)
    }

    /// A rule for all objects under a prefix that does nothing yet.
    pub(super) fn ours(name: &str, prefix: String) -> Self {
        Self {
            id: format!("{}{name}", Self::OURS),
            prefix,
            is_enabled: true,
            is_narrowed: false,
            expiry: None,
            former_versions_after: None,
            uploads_end_after: None,
        }
    }

    /// Whether it is in force for every object under `prefix`.
    pub(super) fn covers(&self, prefix: &str) -> bool {
        self.is_enabled && !self.is_narrowed && prefix.starts_with(&self.prefix)
    }

    /// Whether it may be in force for some object under `prefix`, which has no tags.
    pub(super) fn touches(&self, prefix: &str) -> bool {
        self.is_enabled && (prefix.starts_with(&self.prefix) || self.prefix.starts_with(prefix))
    }
}

/// One rule of which web pages may send which requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsRule {
    /// Its name, if it has one. Ours is [`CorsRule::OURS`].
    pub id: Option<String>,
    /// Origins of the pages, such as `https://documents.example.com`, or `*`.
    pub origins: Vec<String>,
    /// Methods of the requests.
    pub methods: Vec<String>,
    /// Headers of the requests, or `*`.
    pub headers: Vec<String>,
    /// Headers of the answers that the pages may read.
    pub exposed: Vec<String>,
}

impl CorsRule {
    /// The name of our rule.
    pub const OURS: &'static str = "crypt-keeper-clients";
    const METHODS: [&'static str; 3] = ["PUT", "GET", "HEAD"];
    const EXPOSED: &'static str = "ETag";

    /// What clients in pages of these origins need.
    pub(super) fn ours(origins: &[String]) -> Self {
        Self {
            id: Some(Self::OURS.to_owned()),
            origins: origins.to_vec(),
            methods: Self::METHODS.map(str::to_owned).to_vec(),
            headers: vec!["*".to_owned()],
            exposed: vec![Self::EXPOSED.to_owned()],
        }
    }

    /// Whether it is ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.id.as_deref() == Some(Self::OURS)
    }

    /// Whether clients in pages of `origin` have all that they need by it.
    pub(super) fn allows(&self, origin: &str) -> bool {
        let has = |list: &[String], wanted: &str| {
            list.iter()
                .any(|one| one == "*" || one.eq_ignore_ascii_case(wanted))
        };
        has(&self.origins, origin)
            && Self::METHODS
                .iter()
                .all(|method| has(&self.methods, method))
            && self.headers.iter().any(|header| header == "*")
            && has(&self.exposed, Self::EXPOSED)
    }
}

/// A way to make a bucket, or objects in it, public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicAccess {
    /// Access lists that let everybody in may be put.
    NewAccessLists,
    /// Those that are there count.
    AccessLists,
    /// Policies that let everybody in may be put.
    NewPolicies,
    /// Those that are there count.
    Policies,
}

impl PublicAccess {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::NewAccessLists,
        Self::AccessLists,
        Self::NewPolicies,
        Self::Policies,
    ];

    /// S3's name of the setting that shuts it.
    #[must_use]
    pub fn shut_by(self) -> &'static str {
        match self {
            Self::NewAccessLists => "BlockPublicAcls",
            Self::AccessLists => "IgnorePublicAcls",
            Self::NewPolicies => "BlockPublicPolicy",
            Self::Policies => "RestrictPublicBuckets",
        }
    }
}

/// Whether a bucket keeps what was overwritten and deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// It never has.
    Never,
    /// It does.
    On,
    /// It did; what it has from then it still has.
    Suspended,
}

/// One thing that a bucket should do, or should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketRule {
    /// Objects of a class go so many days after they were put; `None`: they stay.
    Expiry(RetentionClass, Option<u32>),
    /// With them go their former versions and delete markers.
    FormerVersions(RetentionClass),
    /// Unfinished uploads end.
    UnfinishedUploads,
    /// No rule of somebody else deletes documents.
    OthersRules,
    /// Pages of these origins may put and get objects.
    Cors(Vec<String>),
    /// Nobody makes it public.
    PublicAccess,
    /// What is overwritten or deleted is kept.
    Versioning,
}

/// What is asked for, such as `objects of retention class 64 go after 37 days`.
impl fmt::Display for BucketRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expiry(class, Some(days)) => {
                write!(f, "objects of retention class {class} go after {days} days")
            }
            Self::Expiry(class, None) => write!(f, "objects of retention class {class} stay"),
            Self::FormerVersions(class) => {
                write!(f, "former versions of retention class {class} go with them")
            }
            Self::UnfinishedUploads => f.write_str("unfinished uploads end after 7 days"),
            Self::OthersRules => f.write_str("no rule of somebody else deletes documents"),
            Self::Cors(origins) if origins.is_empty() => {
                f.write_str("pages of no origin may put and get objects")
            }
            Self::Cors(origins) => {
                write!(f, "pages of {} may put and get objects", origins.join(", "))
            }
            Self::PublicAccess => f.write_str("public access is blocked"),
            Self::Versioning => f.write_str("versions are kept"),
        }
    }
}
