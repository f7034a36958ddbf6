//! What setup would do. Nothing is made, not even a folder.

use std::path::PathBuf;
use std::sync::Arc;

use crypt_keeper_domain::model::{BucketState, PartitionEntry};
use crypt_keeper_domain::usecase::KeepUpPartitions;

use super::bucket::Rule;
use super::{Done, Made, Migrated};
use crate::commands::migrate::pending;
use crate::commands::{Context, Failure, bucket, public_url};
use crate::config::{BlobsBackend, MetadataBackend, Settings};
use crate::data_dir::DataDir;
use crate::wiring::{self, Missing, Stores};

/// Finds it out.
pub(super) async fn rehearse(context: &Context, done: &mut Done) -> Result<(), Failure> {
    let settings = context.settings();
    if settings.is_embedded() {
        let master_key = DataDir::new(&settings.data_dir).master_key();
        if !master_key.exists() {
            done.master_key = Some(master_key.display().to_string());
        }
    }
    let folder = DataDir::new(&settings.data_dir);
    let shown = |file: &PathBuf| file.display().to_string();
    let databases = missing_databases(settings, &folder);
    done.would_make.extend(databases.iter().map(shown));
    let blobs = folder.blobs();
    if settings.blobs.backend == BlobsBackend::Local && !blobs.exists() {
        done.would_make.push(shown(&blobs));
    }
    let catalogue = if databases.is_empty() {
        look_into_databases(context, done).await?
    } else {
        // Whoever makes the database makes the first key pair, too.
        done.key_pair = Some(settings.keys.algorithm.to_string());
        Vec::new()
    };
    let now = context.clock.now();
    let missing = KeepUpPartitions::missing(&settings.retention, &catalogue, now);
    done.partitions = missing.iter().map(ToString::to_string).collect();
    if let Some(plan) = bucket::plan(settings, &catalogue) {
        let url = public_url(settings);
        let clock = Arc::clone(&context.clock);
        let objects = wiring::open_blobs(settings, &url, None, clock, &context.runtime).await?;
        let is_there = objects.has_bucket().await?.unwrap_or(true);
        done.bucket = Some(if is_there { Made::Existed } else { Made::Made });
        let state = match objects.bucket_rules() {
            Some(rules) if is_there => rules
                .look()
                .await
                .map_err(crypt_keeper_domain::Error::from)?,
            _ => BucketState::fresh(),
        };
        let rules = plan.compare(&state);
        done.bucket_rules = Some(rules.iter().map(Rule::planned).collect());
    }
    Ok(())
}

/// Files of databases that are not there: opening them would make them.
fn missing_databases(settings: &Settings, folder: &DataDir) -> Vec<PathBuf> {
    let mut files = match settings.metadata.backend {
        MetadataBackend::Sqlite => vec![folder.metadata(), folder.keys()],
        MetadataBackend::Postgres(_) | MetadataBackend::DynamoDb(_) => Vec::new(),
    };
    // SQLite begins to write into one that is empty as soon as it is opened.
    files.retain(|file| file.metadata().map_or(true, |found| found.len() == 0));
    files
}

async fn look_into_databases(
    context: &Context,
    done: &mut Done,
) -> Result<Vec<PartitionEntry>, Failure> {
    let stores = Stores::open(context.settings(), Missing::Refuse, &context.runtime).await?;
    let catalogue = compare_databases(context, &stores, done).await;
    stores.shutdown().await;
    catalogue
}

async fn compare_databases(
    context: &Context,
    stores: &Stores,
    done: &mut Done,
) -> Result<Vec<PartitionEntry>, Failure> {
    let settings = context.settings();
    for database in &stores.databases {
        done.migrations.push(Migrated {
            database: database.name(),
            applied: pending(&**database).await?,
        });
    }
    if done
        .migrations
        .iter()
        .any(|database| !database.applied.is_empty())
    {
        // Tables that are not this version's are not asked.
        done.key_pair = Some(settings.keys.algorithm.to_string());
        return Ok(Vec::new());
    }
    let scope = settings.common_scope(context.clock.now());
    let algorithm = settings.keys.algorithm;
    let active = stores.registry.active_pair(&scope, algorithm).await;
    if active.map_err(crypt_keeper_domain::Error::from)?.is_none() {
        done.key_pair = Some(algorithm.to_string());
    }
    Ok(bucket::catalogue(stores).await?)
}
