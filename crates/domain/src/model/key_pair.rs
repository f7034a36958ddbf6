use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use uuid::Uuid;

use super::identifier::named;
use super::{KeyState, Partition, RetentionClass, Timestamp, UserId};

/// Names a key pair: a random number of 63 bits, so that a restored backup never uses one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(u64);

impl Serial {
    /// A serial from 8 random bytes, big-endian; the topmost bit is dropped.
    #[must_use]
    pub fn from_random(random: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(random) >> 1)
    }

    /// From a number; `None` from 2^63 on.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        i64::try_from(number).is_ok().then_some(Self(number))
    }

    /// Its number, below 2^63.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// Its number as databases hold it.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }
}

/// Decimal, as in paths and commands.
impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads decimal digits.
impl FromStr for Serial {
    type Err = super::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || super::UnknownName {
            kind: "serial",
            name: text.to_owned(),
        };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unknown());
        }
        text.parse().ok().and_then(Self::new).ok_or_else(unknown)
    }
}

named! {
    /// How document keys are wrapped. The name is fixed by the key pair.
    Algorithm("wrapping algorithm") {
        /// RSA-3072, OAEP with SHA-256 (RFC 8017), labelled with serial and document id.
        RsaOaep256 = "CK-RSA-OAEP-256",
        /// HPKE (RFC 9180) over X25519, bound to serial and document id.
        HpkeX25519 = "CK-HPKE-X25519",
        /// The same over X-Wing (X25519 and ML-KEM-768): against quantum computers too.
        HpkeXWing = "CK-HPKE-XWING",
        /// RSA-3072, OAEP with SHA-256 and no label, as the Transit engine of HashiCorp Vault has
        /// it: the private half never leaves Vault, and the commitment, which holds the document
        /// id, does the binding.
        TransitRsaOaep256 = "TRANSIT-RSA-OAEP-256",
    }
}

impl Algorithm {
    /// What new key pairs are of, unless the configuration says otherwise.
    pub const DEFAULT: Self = Self::HpkeXWing;
}

/// The set of documents whose keys a key pair may wrap.
///
/// Written in ASCII: `shared`, `partition:<class number>:<YYYYMMDD>`, `customer:<user id>`,
/// `hold`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every document.
    Shared,
    /// The documents of one time partition.
    Partition(Partition),
    /// The documents of one owner.
    Customer(UserId),
    /// The documents under legal hold.
    Hold,
}

/// A text that is no scope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a scope: `shared`, `partition:<class number>:<YYYYMMDD>`, `customer:<user id>` or `hold` is needed"
)]
pub struct InvalidScope;

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::Partition(partition) => {
                write!(
                    f,
                    "partition:{}:{}",
                    partition.class(),
                    partition.start().format("%Y%m%d")
                )
            }
            Self::Customer(user) => write!(f, "customer:{user}"),
            Self::Hold => f.write_str("hold"),
        }
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scope = match text.split_once(':') {
            None if text == "shared" => Self::Shared,
            None if text == "hold" => Self::Hold,
            Some(("customer", id)) => Self::Customer(UserId::from_uuid(
                Uuid::try_parse(id).map_err(|_| InvalidScope)?,
            )),
            Some(("partition", rest)) => {
                let (class, day) = rest.split_once(':').ok_or(InvalidScope)?;
                let class = RetentionClass::new(class.parse().map_err(|_| InvalidScope)?);
                let start = NaiveDate::parse_from_str(day, "%Y%m%d").map_err(|_| InvalidScope)?;
                let at = Timestamp::from(start.and_time(chrono::NaiveTime::MIN).and_utc());
                Self::Partition(Partition::at(class, at))
            }
            _ => return Err(InvalidScope),
        };
        // One scope, one spelling: it is hashed into sealed blobs.
        if scope.to_string() == text {
            Ok(scope)
        } else {
            Err(InvalidScope)
        }
    }
}

/// The public half of a key pair in its algorithm's encoding: SPKI DER for RSA, raw for HPKE.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicHalf(Vec<u8>);

impl PublicHalf {
    /// Takes the encoded bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The encoded bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PublicHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicHalf({} bytes)", self.0.len())
    }
}

/// The registry's entry of a key pair. The private half is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// Its name.
    pub serial: Serial,
    /// Whose document keys it may wrap.
    pub scope: Scope,
    /// How.
    pub algorithm: Algorithm,
    /// Where it is in its life.
    pub state: KeyState,
    /// Its public half.
    pub public_half: PublicHalf,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it first became active.
    pub activated_at: Option<Timestamp>,
    /// When it last ceased to be active.
    pub deactivated_at: Option<Timestamp>,
    /// When it is to be destroyed, while destroy-scheduled.
    pub destroy_at: Option<Timestamp>,
    /// The state to return to if the destruction is cancelled; `None` once it has begun, from when
    /// on there is no way back.
    pub former_state: Option<KeyState>,
    /// When its private half was erased.
    pub destroyed_at: Option<Timestamp>,
    /// Counts changes, from 1.
    pub version: i64,
}

/// A compare-and-set of one key pair: replaces the pair that is still at `seen_version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPairChange {
    /// The version that the change was computed from.
    pub seen_version: i64,
    /// The pair after the change; its serial says which.
    pub after: KeyPair,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_have_one_spelling() {
        for text in [
            "shared",
            "hold",
            "partition:0:20260301",
            "customer:0197f6f0-0000-7000-8000-000000000000",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Shared",
            "partition:0",
            "partition:00:20260301",
            "partition:256:20260301",
            "partition:0:20260302",
            "partition:0:2026031",
            "customer:x",
            "customer:0197F6F0-0000-7000-8000-000000000000",
            "hold:",
        ] {
            assert_eq!(text.parse::<Scope>(), Err(InvalidScope), "{text}");
        }
    }

    #[test]
    fn serials_have_63_bits() {
        assert_eq!(Serial::from_random([0xff; 8]).get(), u64::MAX >> 1);
        assert_eq!(Serial::new(1 << 63), None);
        assert!("9223372036854775807".parse::<Serial>().is_ok());
        for text in ["", "-1", "+1", "9223372036854775808", "x"] {
            assert!(text.parse::<Serial>().is_err(), "{text}");
        }
    }
}
