/// The error behind an error, for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something of that identity is there already, and nothing was changed.
    #[error("it is there already")]
    Conflict,
    /// The store cannot be reached or is too busy; asking again later may help. Whether the act
    /// took place may be unknown: its audit id makes a repetition harmless.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// What is stored cannot be what was once stored.
    #[error("what the store holds is corrupt")]
    Corrupt(#[source] BoxError),
    /// Anything else; asking again will not help.
    #[error("the store failed")]
    Backend(#[source] BoxError),
}

impl StoreError {
    /// [`Corrupt`](Self::Corrupt) from anything that is an error.
    pub fn corrupt(source: impl Into<BoxError>) -> Self {
        Self::Corrupt(source.into())
    }
}
