use uuid::Uuid;

use super::Timestamp;

/// A stored name that no value of a closed set bears, e.g. a key state of a newer version.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is not a known {kind}")]
pub struct UnknownName {
    /// What the name should have been, e.g. `key state`.
    pub kind: &'static str,
    /// The name that was met.
    pub name: String,
}

/// A UUID version 7 (RFC 9562, 5.7): 48 bits of milliseconds, then 74 random bits.
pub(crate) fn uuid_v7(at: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = at.as_millis().to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes[6..].copy_from_slice(&random);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Uuid::from_bytes(bytes)
}

/// A closed set of values with a stored name each: `as_str`, `Display` and `FromStr`.
macro_rules! named {
    ($(#[$meta:meta])* $type:ident ($kind:literal) { $($(#[$vmeta:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type { $($(#[$vmeta])* $variant),+ }

        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name it is stored and shown under.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::model::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::model::UnknownName { kind: $kind, name: name.to_owned() }),
                }
            }
        }
    };
}

pub(crate) use named;
