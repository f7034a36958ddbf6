use std::fmt;

use super::{DocumentId, Timestamp};

/// A legal hold of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The document.
    pub document: DocumentId,
    /// Why, in the words of whoever placed it.
    pub reason: HoldReason,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When its copies were complete; `None` while they are being made.
    pub completed_at: Option<Timestamp>,
}

/// Why a hold was placed: 1 to 200 characters, none of them a control character; such as the number
/// of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldReason(String);

/// A text that is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason has 1 to 200 characters, none of them a control character")]
pub struct InvalidHoldReason;

impl HoldReason {
    /// The greatest length in characters.
    pub const MAX_CHARACTERS: usize = 200;

    /// Takes a reason as it is.
    ///
    /// # Errors
    /// [`InvalidHoldReason`] if it is empty, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidHoldReason> {
        let length = text.chars().count();
        if !(1..=Self::MAX_CHARACTERS).contains(&length) || text.chars().any(char::is_control) {
            return Err(InvalidHoldReason);
        }
        Ok(Self(text.to_owned()))
    }

    /// The reason.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_taken_as_they_are_or_refused() {
        for text in ["case 4711", "Az. 3 O 12/26 – Ermittlung", &"é".repeat(200)] {
            assert_eq!(HoldReason::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a\nb", "\u{7f}", &"x".repeat(201)] {
            assert_eq!(HoldReason::parse(text), Err(InvalidHoldReason), "{text:?}");
        }
    }
}
