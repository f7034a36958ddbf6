//! The tables' schema: made, compared, and refused where it is not ours.

use std::time::Duration;

use aws_sdk_dynamodb::types::{BillingMode, TableDescription, TableStatus};
use tokio::time::Instant;

use crate::calls::{Calls, call, refused, within};
use crate::catalogue::Catalogue;
use crate::config::ATTEMPT;
use crate::error::{CallError, Fault, OpenError};
use crate::tables::Kind;

/// The version of the schema that this program makes and knows.
const VERSION: i64 = 1;
/// A table is made in some ten seconds.
const MADE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How the tables compare with what this program needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaStatus {
    /// Nothing is missing.
    UpToDate,
    /// These tables are still to be made.
    NeedsMigration(Vec<String>),
    /// A newer program has made the tables: they must not be used by this one.
    Newer {
        /// The version that was found.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
}

impl Calls {
    /// The tables that are there whatever the time: the catalogue first.
    fn lasting_tables(&self) -> [(String, Kind); 5] {
        [
            (self.tables.catalogue(), Kind::Sorted),
            (self.tables.accounts(), Kind::Sorted),
            (self.tables.key_pairs(), Kind::Hash),
            (self.tables.audit(), Kind::Sorted),
            (self.tables.held(), Kind::Documents),
        ]
    }

    /// Makes the tables that are missing, and gives their names. Any number may do so at once.
    pub(crate) async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let mut made = Vec::new();
        let [catalogue, others @ ..] = self.lasting_tables();
        // Nothing is made beside tables of a newer program.
        self.require_table(catalogue.0, catalogue.1, &mut made)
            .await?;
        let found = Catalogue::version(self).await?;
        if let Some(found) = found.filter(|found| *found > VERSION) {
            return Err(OpenError::Newer {
                found,
                known: VERSION,
            });
        }
        for (table, kind) in others {
            self.require_table(table, kind, &mut made).await?;
        }
        // Last: whoever sees the version finds all tables.
        if found != Some(VERSION) {
            Catalogue::set_version(self, VERSION).await?;
        }
        Ok(made)
    }

    async fn require_table(
        &self,
        table: String,
        kind: Kind,
        made: &mut Vec<String>,
    ) -> Result<(), OpenError> {
        if self.make_table(&table, kind, MADE_WITHIN).await? {
            made.push(table);
        }
        Ok(())
    }

    pub(crate) async fn schema_status(&self) -> Result<SchemaStatus, OpenError> {
        let mut missing = Vec::new();
        for (table, kind) in self.lasting_tables() {
            match self.describe(&table).await? {
                None => missing.push(table),
                Some(found) => is_ours(&table, kind, &found)?,
            }
        }
        if missing.contains(&self.tables.catalogue()) {
            return Ok(SchemaStatus::NeedsMigration(missing));
        }
        match Catalogue::version(self).await? {
            Some(found) if found > VERSION => Ok(SchemaStatus::Newer {
                found,
                known: VERSION,
            }),
            Some(VERSION) if missing.is_empty() => Ok(SchemaStatus::UpToDate),
            // A set-up that was interrupted: the tables are there, and nobody has said so.
            _ if missing.is_empty() => {
                let catalogue = self.tables.catalogue();
                Ok(SchemaStatus::NeedsMigration(vec![catalogue]))
            }
            _ => Ok(SchemaStatus::NeedsMigration(missing)),
        }
    }

    /// Makes a table if it is missing, and waits until it can be used; whether it was missing.
    ///
    /// # Errors
    /// [`OpenError::ForeignTable`] if there is another of the name.
    pub(crate) async fn make_table(
        &self,
        table: &str,
        kind: Kind,
        within: Duration,
    ) -> Result<bool, OpenError> {
        let deadline = Instant::now() + within;
        let mut was_missing = false;
        loop {
            match self.describe(table).await? {
                None => {
                    self.create(table, kind).await?;
                    was_missing = true;
                }
                Some(found) => {
                    is_ours(table, kind, &found)?;
                    match found.table_status() {
                        Some(TableStatus::Active | TableStatus::Updating) => {
                            return Ok(was_missing);
                        }
                        // One that is being deleted is made anew once it is gone.
                        _ => tokio::time::sleep(LOOK_EVERY).await,
                    }
                }
            }
            if Instant::now() >= deadline {
                let waited = format!("waited {} s for it to be made", within.as_secs());
                return Err(OpenError::Unavailable(CallError {
                    call: "CreateTable",
                    table: table.to_owned(),
                    fault: Fault::TimedOut,
                    detail: Some(waited),
                }));
            }
        }
    }

    pub(crate) async fn describe(
        &self,
        table: &str,
    ) -> Result<Option<TableDescription>, CallError> {
        self.describe_within(table, ATTEMPT).await
    }

    /// The same, where somebody has the patience.
    pub(crate) async fn describe_within(
        &self,
        table: &str,
        time: Duration,
    ) -> Result<Option<TableDescription>, CallError> {
        let request = self.client.describe_table().table_name(table);
        let attempt = || {
            let request = request.clone().customize();
            request.config_override(within(time)).send()
        };
        match call("DescribeTable", table, attempt).await {
            Ok(answer) => Ok(answer.table),
            Err(error) if error.fault == Fault::NoSuchTable => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, table: &str, kind: Kind) -> Result<(), CallError> {
        let broken = |error| refused("CreateTable", table, &error);
        let request = self
            .client
            .create_table()
            .table_name(table)
            .set_attribute_definitions(Some(kind.attributes().map_err(broken)?))
            .set_key_schema(Some(kind.keys().map_err(broken)?))
            .set_global_secondary_indexes(kind.indexes().map_err(broken)?)
            // What is asked is paid for: no capacity has to be guessed.
            .billing_mode(BillingMode::PayPerRequest);
        match call("CreateTable", table, || request.clone().send()).await {
            Ok(_) => Ok(()),
            // Somebody else was faster.
            Err(error) if error.fault == Fault::TableExists => Ok(()),
            Err(error) => Err(error),
        }
    }
}

pub(crate) fn is_ours(table: &str, kind: Kind, found: &TableDescription) -> Result<(), OpenError> {
    let difference = kind
        .difference(found)
        .map_err(|error| refused("DescribeTable", table, &error))?;
    match difference {
        None => Ok(()),
        Some(difference) => Err(OpenError::ForeignTable {
            table: table.to_owned(),
            difference,
        }),
    }
}
