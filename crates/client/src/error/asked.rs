//! What a refusal may mean: version 1 answers 401 to wrong credentials and to missing rights alike.

use crate::terminal::escaped;

/// What was asked of the service when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Something every user may do: the credentials are wrong.
    Anything,
    /// To read a document.
    Download(String),
    /// To share a document or list who has it.
    Share(String),
}

impl Asked {
    pub(super) fn refusal(&self) -> String {
        match self {
            Self::Anything => "the user name or the API key is wrong".to_owned(),
            Self::Download(id) => format!(
                "the credentials are wrong, or document {} is not shared with this user",
                escaped(id)
            ),
            Self::Share(id) => format!(
                "the credentials are wrong, or this user does not own document {}",
                escaped(id)
            ),
        }
    }
}
