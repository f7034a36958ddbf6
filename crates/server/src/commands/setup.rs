//! `crypt-keeper setup`: everything the service stands on, made where it lacks.

use clap::Args;
use crypt_keeper_domain::model::Caller;
use crypt_keeper_domain::usecase::{KeepUpPartitions, SetBucketRules};
use serde::Serialize;

mod bucket;
mod rehearsal;

use super::administration::Administration;
use super::keys::rotate_keys;
use super::migrate::apply;
use super::{Context, Failure, Output};
use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::first_start::FirstStart;
use crate::wiring::{self, Missing, Objects, Stores, Vault};
use bucket::Rule;
use rehearsal::rehearse;

/// Make what the service stands on where it lacks, and say what was done
///
/// Brings the databases up to date, and makes the bucket, the first key pair, and the partitions of
/// every retention class for now and the next three periods. What is there is left as it is, so it
/// can be run again at any time: once a deployment, before the service.
/// The bucket is told what it does by itself: it deletes what has outlived its retention class by a
/// week, and ends unfinished uploads; it lets the pages of `blobs.s3.cors_origins` in, and nobody
/// else; it keeps versions if `blobs.s3.versioning` says so. Rules of others in it stay. What the
/// store refuses or does not have is said, and is no failure.
/// It makes no user: see `crypt-keeper user add`. It makes a master key for the embedded default
/// only; any other service is given one by you: see `crypt-keeper master-key new`.
///
/// Example: crypt-keeper setup --dry-run
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Setup {
    /// Only say what would be done; nothing is made or changed
    #[arg(long)]
    dry_run: bool,

    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

/// What was done, or would be.
#[derive(Debug, Default, Serialize)]
struct Done {
    /// Whether nothing was.
    dry_run: bool,
    /// Files and folders of the embedded default that would be made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    would_make: Vec<String>,
    /// The path of the master key that was made.
    master_key: Option<String>,
    /// The migrations that were applied, database by database.
    migrations: Vec<Migrated>,
    /// Whether there was a bucket to make, and whether it was made.
    bucket: Option<Made>,
    /// What became of each of the bucket's own rules, if there is a bucket.
    bucket_rules: Option<Vec<Rule>>,
    /// The serial of the key pair that was made; the algorithm of the one that would be.
    key_pair: Option<String>,
    /// The partitions that were made, as CLASS/YYYYMMDD.
    partitions: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Migrated {
    database: &'static str,
    applied: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Made {
    Made,
    Existed,
}

/// Does it.
pub(super) async fn run(
    setup: &Setup,
    context: &Context,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut done = Done {
        dry_run: setup.dry_run,
        ..Done::default()
    };
    let failed = if setup.dry_run {
        rehearse(context, &mut done).await.err()
    } else {
        work(context, &mut done).await.err()
    };
    // What was done before it failed was done: it is said too.
    if setup.json {
        output.json(&done)?;
    } else {
        done.tell(output, failed.is_none())?;
    }
    failed.map_or(Ok(()), Err)
}

async fn work(context: &Context, done: &mut Done) -> Result<(), Failure> {
    let settings = context.settings();
    if settings.is_embedded() {
        done.master_key = begin_first_start(&DataDir::new(&settings.data_dir))?;
    }
    // Before any database is made for a service that cannot work.
    let master_keys = wiring::read_master_keys(settings).await?;
    let stores = Stores::open(settings, Missing::Make, &context.runtime).await?;
    for database in &stores.databases {
        let applied = apply(&**database).await?;
        done.migrations.push(Migrated {
            database: database.name(),
            applied,
        });
    }
    let url = super::public_url(settings);
    let clock = std::sync::Arc::clone(&context.clock);
    let keys = master_keys.as_ref();
    let objects = wiring::open_blobs(settings, &url, keys, clock, &context.runtime).await?;
    done.bucket = objects.ensure_bucket().await?.map(|made| match made {
        true => Made::Made,
        false => Made::Existed,
    });
    set_bucket_rules(context, &stores, &objects, done).await?;

    let vault = Vault::open(settings, &stores, master_keys.as_ref())?;
    // A pair sealed under another master key than the rest would split the key store.
    vault.check_at_start().await?;
    let admin = Administration::over(stores, context)?;
    let scope = settings.common_scope(admin.call.at);
    let pair = rotate_keys(&admin, &vault)
        .ensure_active(&admin.call, scope, settings.keys.algorithm)
        .await?;
    done.key_pair = pair.map(|pair| pair.serial.to_string());
    make_partitions(&admin, context, done).await?;
    admin.stores.shutdown().await;
    Ok(())
}

/// So that the first uploads need not wait for it, above all those to servers that may not make any.
/// Key pairs of partitions to come are the service's to make.
async fn make_partitions(
    admin: &Administration,
    context: &Context,
    done: &mut Done,
) -> Result<(), Failure> {
    let keep_up = KeepUpPartitions {
        partitions: std::sync::Arc::clone(&admin.stores.partitions),
        retention: context.settings().retention.clone(),
        first_pair: None,
    };
    let kept = keep_up.run(&admin.call).await?;
    done.partitions = kept.made.iter().map(ToString::to_string).collect();
    let failed = kept.failures.into_iter().next();
    failed.map_or(Ok(()), |(_, error)| Err(error.into()))
}

async fn set_bucket_rules(
    context: &Context,
    stores: &Stores,
    objects: &Objects,
    done: &mut Done,
) -> Result<(), Failure> {
    let Some(rules) = objects.bucket_rules() else {
        return Ok(());
    };
    let catalogue = super::bucket::catalogue(stores).await?;
    if let Some(plan) = super::bucket::plan(context.settings(), &catalogue) {
        let call = context.call(Caller::operator())?;
        let outcomes = SetBucketRules { rules }.run(&call, &plan).await?;
        done.bucket_rules = Some(outcomes.iter().map(Rule::done).collect());
    }
    Ok(())
}

/// Makes folder and master key as the first start of the service would, which goes on from there
/// with the first user. The path of the master key, if it was made.
fn begin_first_start(dir: &DataDir) -> Result<Option<String>, StartError> {
    let path = dir.master_key();
    let was_there = path.exists();
    FirstStart::begin(dir)?;
    Ok((!was_there && path.exists()).then(|| path.display().to_string()))
}

impl Done {
    fn tell(&self, output: &mut Output, is_all: bool) -> Result<(), Failure> {
        let before = output.results_written();
        let (made, applied) = match self.dry_run {
            false => ("made", "applied"),
            true => ("would make", "would apply"),
        };
        if let Some(path) = &self.master_key {
            output.result(format_args!("master key: {made} {path}"))?;
        }
        for path in &self.would_make {
            output.result(format_args!("data folder: would make {path}"))?;
        }
        for database in &self.migrations {
            for migration in &database.applied {
                output.result(format_args!("{}: {applied} {migration}", database.database))?;
            }
        }
        if let Some(Made::Made) = self.bucket {
            output.result(format_args!(
                "bucket: {made}{}",
                if self.dry_run { " it" } else { "" }
            ))?;
        }
        for rule in self.bucket_rules.iter().flatten() {
            output.result(format_args!("bucket: {}", rule.line()))?;
        }
        if let Some(serial) = &self.key_pair {
            let one = if self.dry_run { "one by " } else { "" };
            output.result(format_args!("key pair: {made} {one}{serial}"))?;
        }
        for partition in &self.partitions {
            output.result(format_args!("partition: {made} {partition}"))?;
        }
        if is_all && output.results_written() == before {
            let was = if self.dry_run { "is" } else { "was" };
            output.result(format_args!("Everything {was} there already."))?;
        }
        Ok(())
    }
}
