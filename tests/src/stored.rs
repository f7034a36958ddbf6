//! What is stored of documents, past the service, whatever keeps it.

use crate::{Database, Tables};

/// The metadata of an installation.
#[derive(Debug)]
pub enum Stored {
    /// In SQLite or PostgreSQL.
    Sql(Database),
    /// In DynamoDB.
    DynamoDb(Tables),
}

impl Stored {
    /// Which half states are found: none, in sound metadata.
    ///
    /// # Panics
    /// If what keeps them does not answer.
    #[must_use]
    pub fn half_states(&self) -> Vec<String> {
        match self {
            Self::Sql(database) => database.half_states(),
            Self::DynamoDb(tables) => tables.half_states(),
        }
    }

    /// How many documents there are.
    ///
    /// # Panics
    /// As [`half_states`](Self::half_states).
    #[must_use]
    pub fn documents(&self) -> usize {
        match self {
            Self::Sql(database) => count(database, "SELECT count(*) AS n FROM documents"),
            Self::DynamoDb(tables) => {
                let items = tables.items("documents-").into_iter();
                items.filter(|item| item["item"]["S"] == "document").count()
            }
        }
    }

    /// How often it was written down that a document's key left.
    ///
    /// # Panics
    /// As [`half_states`](Self::half_states).
    #[must_use]
    pub fn releases(&self) -> usize {
        match self {
            Self::Sql(database) => count(
                database,
                "SELECT count(*) AS n FROM audit WHERE action = 'document.released'",
            ),
            Self::DynamoDb(tables) => {
                let items = tables.items("audit").into_iter();
                items
                    .filter(|item| item["action"]["S"] == "document.released")
                    .count()
            }
        }
    }
}

fn count(database: &Database, question: &str) -> usize {
    usize::try_from(database.count(question)).expect("a count")
}
