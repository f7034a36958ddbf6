//! `crypt-keeper migrate`: the databases' tables.

use clap::Args;
use serde_json::json;

use super::{Context, Failure, Output};
use crate::error::StartError;
use crate::wiring::{Database, DatabaseError, Missing, SchemaStatus, Stores};

/// Bring the databases up to this version's tables, and say what was done
///
/// All migrations that are missing are applied, or none. It may run beside a service: migrations
/// only ever add what a service of the version before does not mind.
///
/// Example: crypt-keeper migrate --dry-run
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Migrate {
    /// Only say which migrations are missing
    #[arg(long)]
    dry_run: bool,

    /// JSON for scripts: one object a database
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(
    migrate: &Migrate,
    context: &Context,
    output: &mut Output,
) -> Result<(), Failure> {
    let stores = Stores::open(context.settings(), Missing::Refuse, &context.runtime).await?;
    let done = migrate.each(&stores, output).await;
    stores.shutdown().await;
    done
}

impl Migrate {
    async fn each(&self, stores: &Stores, output: &mut Output) -> Result<(), Failure> {
        for database in &stores.databases {
            let names = if self.dry_run {
                pending(&**database).await?
            } else {
                apply(&**database).await?
            };
            let name = database.name();
            if self.json {
                let key = if self.dry_run { "pending" } else { "applied" };
                output.json(&json!({ "database": name, key: names }))?;
                continue;
            }
            if names.is_empty() {
                output.result(format_args!("{name}: up to date"))?;
            }
            let did = if self.dry_run { "pending" } else { "applied" };
            for migration in names {
                output.result(format_args!("{name}: {did} {migration}"))?;
            }
        }
        Ok(())
    }
}

/// Applies what is missing.
pub(super) async fn apply(database: &dyn Database) -> Result<Vec<String>, StartError> {
    database
        .migrate()
        .await
        .map_err(StartError::part(database.name()))
}

/// What is missing.
pub(super) async fn pending(database: &dyn Database) -> Result<Vec<String>, StartError> {
    let failed = StartError::part(database.name());
    match database.schema_status().await {
        Ok(SchemaStatus::UpToDate) => Ok(Vec::new()),
        Ok(SchemaStatus::NeedsMigration(names)) => Ok(names),
        Ok(SchemaStatus::Newer { version }) => Err(failed(DatabaseError::Newer { version })),
        Err(error) => Err(failed(error)),
    }
}
