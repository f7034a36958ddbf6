//! The metadata database and the key store.

use super::clocks;
use super::finding::Finding;
use crate::commands::administration::Administration;
use crate::config::{MetadataBackend, Role, Settings};
use crate::error::Chain;
use crate::wiring::{Database, SchemaStatus};

/// Looks at both; whether both can be worked with.
pub(super) async fn examine(
    settings: &Settings,
    admin: &Administration,
    findings: &mut Vec<Finding>,
) -> bool {
    let mut fit = Vec::new();
    for (check, database) in ["database", "key store"]
        .iter()
        .zip(&admin.stores.databases)
    {
        fit.push(schema(check, &**database, findings).await);
    }
    if let (Some(true), Some(metadata)) = (fit.first(), admin.stores.databases.first()) {
        findings.extend(clock(admin, &**metadata).await);
        findings.extend(partitions(&**metadata).await);
    }
    let beside = settings.role == Role::Full
        && matches!(settings.metadata.backend, MetadataBackend::Postgres(_))
        && settings.keys.sealed_url.is_none();
    if beside {
        findings.push(Finding::warning(
            "key store",
            "the sealed private halves lie in a schema of the metadata database: one backup, and \
             one reader, has both",
            "set `keys.sealed.url` to a database of its own, with its own role and its own backups",
        ));
    }
    fit.into_iter().all(|fit| fit)
}

async fn schema(check: &'static str, database: &dyn Database, findings: &mut Vec<Finding>) -> bool {
    let name = database.name();
    let finding = match database.schema_status().await {
        Ok(SchemaStatus::UpToDate) => {
            findings.push(Finding::ok(
                check,
                format!("the {name} answers, and its tables are this version's"),
            ));
            return true;
        }
        Ok(SchemaStatus::NeedsMigration(pending)) => Finding::error(
            check,
            format!("the {name} lacks the migrations {}", pending.join(", ")),
            "run `crypt-keeper migrate`",
        ),
        Ok(SchemaStatus::Newer { version }) => Finding::error(
            check,
            format!(
                "the {name} is newer than this crypt-keeper, which does not know its migration \
                 {version}"
            ),
            "run the crypt-keeper that migrated it, or a later one",
        ),
        Err(error) => Finding::error(
            check,
            format!("the {name} does not answer: {}", Chain(&error)),
            "is its server up, is its URL right (`crypt-keeper config check`), may its role log in?",
        ),
    };
    findings.push(finding);
    false
}

/// Says nothing where nothing is wrong.
async fn partitions(metadata: &dyn Database) -> Option<Finding> {
    match metadata.lost_partitions().await {
        Ok(lost) if lost.is_empty() => None,
        Ok(lost) => Some(Finding::error(
            "partitions",
            format!(
                "the database lacks {}, which its catalogue has: their documents cannot be read",
                lost.join(", ")
            ),
            "put them back, each under its name (docs/operations.md, tables of a partition that are \
             lost): attach what was detached, restore the rest from a backup; the service finds them \
             by itself",
        )),
        Err(error) => Some(Finding::error(
            "partitions",
            format!(
                "the partitions' tables are not as they should be: {}",
                Chain(&error)
            ),
            "run doctor again; if it says the same, look at the table it names",
        )),
    }
}

async fn clock(admin: &Administration, metadata: &dyn Database) -> Option<Finding> {
    match metadata.clock_skew(admin.clock.now()).await {
        Ok(None) => None,
        Ok(Some(ahead)) => Some(clocks::judge(
            "database clock",
            "the database's clock",
            ahead,
            &clocks::DATABASE,
        )),
        Err(error) => Some(Finding::error(
            "database clock",
            format!("the database does not tell its time: {}", Chain(&error)),
            "run doctor again; the connection may have broken",
        )),
    }
}
