use std::fmt;

use super::{ApiKeyId, Principal, RetentionClass, Timestamp, UserId};

/// Who acts, when, and in which request: the first argument of every use case.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// Who.
    pub caller: Caller,
    /// When the request was accepted; one moment for all its steps.
    pub at: Timestamp,
    /// The request's id.
    pub request_id: RequestId,
    /// The network address it came from, where there is one.
    pub address: Option<String>,
}

impl CallContext {
    /// The same call, at the earlier of its own moment and another.
    pub(crate) fn not_after(&self, at: Timestamp) -> Self {
        Self {
            at: self.at.min(at),
            ..self.clone()
        }
    }
}

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is, as the audit log names him.
    pub actor: Actor,
    /// All that he may be addressed as in an entry.
    pub principals: Vec<Principal>,
    /// What his credentials are good for.
    pub scopes: Scopes,
    /// The retention class of documents for which he chooses none; `None`: the configured default.
    pub retention: Option<RetentionClass>,
}

impl Caller {
    /// A user who showed an API key.
    #[must_use]
    pub fn user(id: UserId, api_key: ApiKeyId) -> Self {
        Self {
            actor: Actor::User { id, api_key },
            principals: vec![Principal::User(id)],
            scopes: Scopes::DOCUMENTS,
            retention: None,
        }
    }

    /// Someone at the machine's own command line, who could open the database anyway.
    #[must_use]
    pub fn operator() -> Self {
        Self {
            actor: Actor::Operator,
            principals: Vec::new(),
            scopes: Scopes::ADMINISTRATION,
            retention: None,
        }
    }

    /// The service itself: first start and jobs.
    #[must_use]
    pub fn system() -> Self {
        Self {
            actor: Actor::System,
            principals: Vec::new(),
            scopes: Scopes::ADMINISTRATION,
            retention: None,
        }
    }
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user, by an API key of his.
    User {
        /// His account.
        id: UserId,
        /// The key he showed.
        api_key: ApiKeyId,
    },
    /// An operator at the command line.
    Operator,
    /// The service itself.
    System,
}

impl Actor {
    /// The name of the kind, as it is stored: `user`, `operator` or `system`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }
}

/// What credentials are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Upload, download and share documents, as the entries allow.
    pub const DOCUMENTS: Self = Self(1);
    /// Administer users, API keys and key pairs. It opens no document.
    pub const ADMINISTRATION: Self = Self(2);

    /// Whether every scope of `needed` is among these.
    #[must_use]
    pub fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }
}

/// Id of a request, for logs, answers and the audit log: 1 to 64 letters, digits, `-`, `_` and
/// `.` of ASCII, so that it can stand anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// The greatest length in characters.
    pub const MAX_LENGTH: usize = 64;

    /// Takes an id that a caller or a proxy chose; `None` if it has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        ((1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed))
            .then(|| Self(text.to_owned()))
    }

    /// A new id: 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_random(random: [u8; 16]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(32);
        for byte in random {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
