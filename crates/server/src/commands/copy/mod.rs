//! `crypt-keeper copy`: a whole installation into another one.

mod installation;
mod objects;
mod report;
mod teller;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use crypt_keeper_domain::memory::MemoryStore;
use crypt_keeper_domain::usecase::{
    CopiedHolds, CopiedKeys, CopySide, CopyStore, EnsureKeyPair, RewrappedKeys,
};

use super::administration::Administration;
use super::keys::rotate_keys;
use super::{Context, Failure, Output, this_service};
use crate::config::{self as configuration, Environment, Http, Role, Settings};
use crate::error::StartError;
use crate::wiring::{self, KeyRoute, Vault, carry_halves};

use installation::Target;
use objects::ObjectRoute;
use teller::Teller;

/// Copy everything into another installation, verify it, and say what was compared
///
/// From the configuration in force to that of another file: users, API keys, key pairs, partitions as
/// far as each is on its way, documents with their access lists, legal holds, the audit log, private
/// halves, and objects. From SQLite to PostgreSQL or DynamoDB, or from any to any. Private halves are sealed under the target's master key, or put into
/// its Vault; where they cannot move (Transit), document keys are wrapped anew.
///
/// The services of both must be stopped. Nothing is overwritten, and the source is only read. It may
/// be stopped, or killed, at any moment: run again, it goes on where it was. In the end both sides
/// are read and compared, by count and by SHA-256; the exit code is 0 only if nothing differs, and
/// the target's audit log says then that the copy is complete.
///
/// The target should be new: give it a database, and a master key, but do not run `setup` first.
///
/// Examples: crypt-keeper copy --to postgres.toml --dry-run
///           crypt-keeper copy --to postgres.toml
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Copy {
    /// The configuration file of the target. Variables and flags concern the source alone
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// Only compare, and say what would be copied: nothing is made or changed
    #[arg(long)]
    dry_run: bool,

    /// Leave the objects where they are: for buckets that you copy yourself, keys unchanged
    #[arg(long)]
    without_objects: bool,

    /// JSON for scripts: one object a line, for each row that is not copied, and the end
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(
    copy: &Copy,
    admin: &Administration,
    context: &Context,
    output: &mut Output,
) -> Result<(), Failure> {
    let source = context.settings();
    let target = load_target(copy)?;
    for (side, http) in [("source", &source.http), ("target", &target.http)] {
        refuse_running(side, http).await?;
    }
    if copy.dry_run {
        return compare(copy, admin, &target, context, output).await;
    }
    let objects = ObjectRoute::between(source, &target);
    let opened = Target::open(&target, context).await?;
    let done = copy_into(copy, admin, &opened, objects, context, output).await;
    opened.admin.stores.shutdown().await;
    done
}

fn load_target(copy: &Copy) -> Result<Settings, Failure> {
    // What the environment says, it says of the source.
    let loaded = configuration::load(Some(&copy.to), &Environment::default(), &[]);
    let target = loaded.map_err(StartError::from)?.settings;
    wiring::check_compiled_in(&target)?;
    if target.role == Role::Ingest {
        return Err(StartError::IngestRole.into());
    }
    Ok(target)
}

/// Instances elsewhere are not seen: what changes meanwhile is found when both sides are compared.
async fn refuse_running(side: &str, http: &Http) -> Result<(), Failure> {
    let Some(url) = this_service::url(http, "healthz") else {
        return Ok(());
    };
    match this_service::ask(&url).await {
        Err(_) => Ok(()),
        Ok(_) => Err(Failure::Failed(format!(
            "the service of the {side} is running, or another one at its address ({url}): stop it \
             first, on every machine. What it did meanwhile would be missing from the copy"
        ))),
    }
}

async fn copy_into(
    copy: &Copy,
    admin: &Administration,
    target: &Target,
    objects: ObjectRoute,
    context: &Context,
    output: &mut Output,
) -> Result<(), Failure> {
    let source = context.settings();
    let vaults = Vaults::open(source, admin, target).await?;
    let use_case = CopyStore {
        source: side(admin),
        target: side(&target.admin),
        keys: vaults.keys(target),
        entropy: Arc::clone(&context.entropy),
    };
    if use_case.is_one_store().await? {
        return Err(Failure::Usage(
            "source and target are one and the same database: `--to` needs the configuration of \
             another one"
                .to_owned(),
        ));
    }
    let mut teller = Teller::new(copy.json, output)?;
    let done = use_case.run(&admin.call, &mut teller).await;
    teller.finish()?;
    let done = done?;
    let moved = if copy.without_objects || done.stopped || done.blocked {
        None
    } else {
        let sides = objects::Sides::open(objects, &vaults, target, context).await?;
        match sides {
            Some(sides) => Some(objects::copy(&sides, admin, copy.json, output).await?),
            None => None,
        }
    };
    let objects_are_whole = moved.is_none_or(|moved| moved.is_whole());
    let is_whole = done.is_whole() && objects_are_whole;
    if is_whole {
        use_case.record_completion(&admin.call, &done).await?;
    }
    report::tell(&done, moved.as_ref(), objects, copy, output)?;
    if is_whole {
        Ok(())
    } else {
        Err(Failure::Findings)
    }
}

/// What the target lacks: everything, if it is not there yet.
async fn compare(
    copy: &Copy,
    admin: &Administration,
    target: &Settings,
    context: &Context,
    output: &mut Output,
) -> Result<(), Failure> {
    let opened = Target::open_as_it_is(target, context).await?;
    let target_side = match &opened {
        Some(target) => side(target),
        None => nothing(context),
    };
    // Two vaults that are not asked anything: what is wrapped anew is not looked for.
    let use_case = CopyStore {
        source: side(admin),
        target: target_side,
        keys: CopiedKeys::SameVault,
        entropy: Arc::clone(&context.entropy),
    };
    let is_one = opened.is_some() && use_case.is_one_store().await?;
    let mut teller = Teller::new(copy.json, output)?;
    let done = use_case.compare(&admin.call, &mut teller).await;
    teller.finish()?;
    if let Some(target) = opened {
        target.stores.shutdown().await;
    }
    if is_one {
        return Err(Failure::Usage(
            "source and target are one and the same database".to_owned(),
        ));
    }
    let (source, done) = (context.settings(), done?);
    let route = KeyRoute::between(source, target);
    report::tell_plan(
        &done,
        route,
        ObjectRoute::between(source, target),
        copy.json,
        output,
    )
}

fn side(admin: &Administration) -> CopySide {
    let stores = &admin.stores;
    CopySide {
        accounts: Arc::clone(&stores.accounts),
        audit: Arc::clone(&stores.audit),
        registry: Arc::clone(&stores.registry),
        transfer: Arc::clone(&stores.transfer),
        partitions: Arc::clone(&stores.partitions),
        holds: CopiedHolds {
            holds: Arc::clone(&stores.holds),
            transfer: Arc::clone(&stores.hold_transfer),
            documents: Arc::clone(&stores.held_transfer),
        },
    }
}

/// A store that is not there holds nothing.
fn nothing(context: &Context) -> CopySide {
    let store = Arc::new(MemoryStore::new(Arc::clone(&context.clock)));
    CopySide {
        accounts: Arc::clone(&store) as _,
        audit: Arc::clone(&store) as _,
        registry: Arc::clone(&store) as _,
        partitions: Arc::clone(&store) as _,
        holds: CopiedHolds {
            holds: Arc::clone(&store) as _,
            transfer: Arc::clone(&store) as _,
            documents: Arc::new(store.held()),
        },
        transfer: store,
    }
}

/// The vaults of both sides, known to open what they have.
struct Vaults {
    route: KeyRoute,
    source: Arc<Vault>,
    target: Arc<Vault>,
    source_keys: Option<wiring::MasterKeys>,
}

impl Vaults {
    async fn open(
        source: &Settings,
        admin: &Administration,
        target: &Target,
    ) -> Result<Self, Failure> {
        let source_keys = wiring::read_master_keys(source).await?;
        let vault = Vault::open(source, &admin.stores, source_keys.as_ref())?;
        vault.check_at_start().await?;
        let keys = target.master_keys.as_ref();
        let of_target = Vault::open(&target.settings, &target.admin.stores, keys)?;
        of_target.check_at_start().await?;
        Ok(Self {
            route: KeyRoute::between(source, &target.settings),
            source: vault,
            target: of_target,
            source_keys,
        })
    }

    fn keys(&self, target: &Target) -> CopiedKeys {
        match self.route {
            KeyRoute::SameTransit => CopiedKeys::SameVault,
            KeyRoute::Carried => CopiedKeys::Carried(carry_halves(&self.source, &self.target)),
            KeyRoute::Rewrapped => CopiedKeys::Rewrapped(RewrappedKeys {
                from: Arc::clone(&self.source) as _,
                to: Arc::clone(&self.target) as _,
                ensure: EnsureKeyPair {
                    rotate: rotate_keys(&target.admin, &self.target),
                    algorithm: target.settings.keys.algorithm,
                },
            }),
        }
    }
}
