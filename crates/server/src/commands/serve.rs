//! `crypt-keeper serve`: opens everything, serves until it is told to stop, closes everything.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::Caller;
use crypt_keeper_domain::usecase::EnsureKeyPair;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use crate::config::{Override, PublicUrl, Role};
use crate::data_dir::DataDir;
use crate::error::{Chain, StartError};
use crate::first_start::{FirstStart, Welcome};
use crate::http::{self, HttpSettings, ReloadableCertificate, Running, State};
use crate::key_upkeep::{KeyUpkeep, rotate_keys};
use crate::partition_probe::PartitionProbe;
use crate::partition_upkeep::PartitionUpkeep;
use crate::wiring::{self, Missing, Objects, RingFollower, Stores, Vault};
use crate::{ports::Ports, welcome};

/// Arguments of `serve`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Address and port to listen on [default: 127.0.0.1:8080; same as --set http.listen=ADDRESS]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Args {
    /// The configuration keys that they stand for.
    pub(super) fn overrides(&self) -> Option<Override> {
        let listen = self.listen.as_ref()?;
        Some(Override::new("http.listen", listen))
    }
}

/// Everything that has to be closed again.
struct Opened {
    stores: Stores,
    objects: Objects,
    ports: Ports,
    /// What holds private halves in memory; `None` for the role `ingest`.
    vault: Option<Arc<Vault>>,
    /// What follows changes of the master keys, if there are any.
    ring: Option<RingFollower>,
    welcome: Option<Welcome>,
}

/// How often the file of the master keys is looked at: it may take so long until a new one is known
/// that nothing has asked for yet.
const LOOK_AT_MASTER_KEYS: Duration = Duration::from_secs(5);

/// How often private halves are looked for that have no business in memory any more.
const SWEEP: Duration = Duration::from_secs(30);

pub(super) async fn run(context: &Context) -> Result<ExitCode, StartError> {
    let settings = context.settings();
    let mut signals = Signals::listen()?;
    // First of all: with the port in use, nothing is made and nothing is touched.
    let listener = http::bind(settings.http.listen)?;
    let certificate = match &settings.http.tls {
        Some(files) => Some(Arc::new(ReloadableCertificate::load(files)?)),
        None => None,
    };
    let tls = certificate
        .as_ref()
        .map(ReloadableCertificate::server_config)
        .transpose()?;
    let public_url = match &settings.http.public_url {
        Some(url) => url.clone(),
        None => PublicUrl::of(listener.local_addr()?, tls.is_some()),
    };
    if settings.http.carries_keys_in_clear() {
        tracing::warn!(
            listen = %settings.http.listen,
            "listening beyond loopback without TLS: document keys travel in clear"
        );
    }

    let opened = match settings.role {
        Role::Full => open(context, &public_url).await?,
        Role::Ingest => open_for_ingest(context).await?,
    };
    let http_settings = HttpSettings {
        trusted_proxies: settings.http.trusted_proxies.clone(),
        query_auth: settings.v1.query_auth,
        role: settings.role,
        scope: settings.keys.scope,
        retention: settings.retention.clone(),
        // A server that holds no private half can make none.
        first_pair: (settings.role == Role::Full).then(|| EnsureKeyPair {
            rotate: rotate_keys(&opened.ports),
            algorithm: settings.keys.algorithm,
        }),
    };
    let mut state = State::new(&opened.ports, http_settings);
    if settings.role == Role::Full {
        let probe = PartitionProbe {
            partitions: Arc::clone(&opened.stores.partitions),
            retention: settings.retention.clone(),
            clock: Arc::clone(&context.clock),
            metrics: state.metrics.partitions.clone(),
        };
        state.readiness.add(Arc::new(probe));
    }
    let state = Arc::new(state);
    let follower = opened.ring.clone().map(|ring| {
        state.metrics.follow_master_keys(ring.keys());
        context.runtime.spawn(ring.follow(LOOK_AT_MASTER_KEYS))
    });
    let sweeper = opened.vault.clone().map(|vault| {
        let of_metrics = Arc::clone(&vault);
        let source = move || of_metrics.cache_stats();
        state.metrics.follow_key_cache(Arc::new(source));
        let sweep = async move { vault.keep_swept(SWEEP).await };
        context.runtime.spawn(sweep)
    });
    let runs_jobs = settings.role == Role::Full && settings.jobs.enabled;
    let upkeep = runs_jobs.then(|| {
        let metrics = state.metrics.key_upkeep.clone();
        let upkeep = KeyUpkeep::new(&opened.ports, &settings.keys, metrics);
        context.runtime.spawn(upkeep.run())
    });
    let partitions = match runs_jobs {
        true => {
            let metrics = state.metrics.partitions.clone();
            let upkeep = PartitionUpkeep::new(&opened.ports, &opened.stores, settings, metrics);
            upkeep.prepare().await;
            Some(context.runtime.spawn(upkeep.run()))
        }
        false => None,
    };
    let running = http::start(listener, tls, state, opened.objects.local.clone())?;
    say_ready(context, &opened, &public_url)?;

    let reloadable = Reloadable {
        certificate,
        ring: opened.ring.clone(),
    };
    let outcome = serve(context, running, &mut signals, &reloadable).await;
    for job in [follower, sweeper, upkeep, partitions]
        .into_iter()
        .flatten()
    {
        job.abort();
    }
    opened.stores.shutdown().await;
    outcome?;
    Ok(ExitCode::SUCCESS)
}

/// Opens all parts; in the embedded default, makes what is missing on the first start.
async fn open(context: &Context, public_url: &PublicUrl) -> Result<Opened, StartError> {
    let settings = context.settings();
    let first_start = if settings.is_embedded() {
        FirstStart::begin(&DataDir::new(&settings.data_dir))?
    } else {
        None
    };
    // Before any database is made for a service that cannot work.
    let master_keys = wiring::read_master_keys(settings).await?;
    let stores = Stores::open(settings, Missing::Make, &context.runtime).await?;
    let migrate = settings.metadata.migrate_on_start;
    for applied in stores.ready_schema(migrate).await? {
        if first_start.is_none() {
            let migrations = applied.migrations.join(", ");
            tracing::info!(part = applied.part, migrations, "migrated");
        }
    }
    let vault = Vault::open(settings, &stores, master_keys.as_ref())?;
    vault.check_at_start().await?;
    let clock = Arc::clone(&context.clock);
    let keys = master_keys.as_ref();
    let objects = wiring::open_blobs(settings, public_url, keys, clock, &context.runtime).await?;
    objects.require_bucket().await?;
    let ports = wiring::ports(
        &stores,
        &vault,
        &objects,
        Arc::clone(&context.clock),
        Arc::clone(&context.entropy),
    );
    let welcome = match first_start {
        Some(first_start) => {
            let call = context.call(Caller::system())?;
            let pair = (settings.common_scope(call.at), settings.keys.algorithm);
            let environment = &context.environment;
            let finish = first_start.finish(&ports, &call, pair, public_url, environment);
            Some(finish.await?)
        }
        None => None,
    };
    Ok(Opened {
        stores,
        objects,
        ports,
        ring: master_keys.map(|keys| RingFollower::new(keys, vault.sealed().cloned())),
        vault: Some(vault),
        welcome,
    })
}

/// Opens what uploads need: no master key, no way to private halves, nothing asked of the objects.
async fn open_for_ingest(context: &Context) -> Result<Opened, StartError> {
    let settings = context.settings();
    let stores = Stores::open(settings, Missing::Refuse, &context.runtime).await?;
    stores.ready_schema(false).await?;
    let vault = wiring::ingest_vault(settings, &stores);
    let clock = Arc::clone(&context.clock);
    let objects = wiring::open_blobs_for_ingest(settings, clock, &context.runtime).await?;
    let ports = wiring::ports(
        &stores,
        &vault,
        &objects,
        Arc::clone(&context.clock),
        Arc::clone(&context.entropy),
    );
    Ok(Opened {
        stores,
        objects,
        ports,
        ring: None,
        vault: None,
        welcome: None,
    })
}

/// The one thing that the service itself says on standard output.
fn say_ready(context: &Context, opened: &Opened, url: &PublicUrl) -> std::io::Result<()> {
    let text = match &opened.welcome {
        Some(made) => {
            let dir = DataDir::new(&context.settings().data_dir);
            welcome::text(made, &dir, url, &context.environment)
        }
        None => format!("Crypt-Keeper is ready at {url}\n"),
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// What is read again on SIGHUP.
#[derive(Clone)]
struct Reloadable {
    certificate: Option<Arc<ReloadableCertificate>>,
    ring: Option<RingFollower>,
}

/// Serves until a signal says stop.
async fn serve(
    context: &Context,
    mut running: Running,
    signals: &mut Signals,
    reloadable: &Reloadable,
) -> std::io::Result<()> {
    loop {
        tokio::select! {
            failed = running.failed() => return failed,
            heard = signals.next() => match heard {
                Heard::Stop => return running.stop().await,
                // Not waited for: a command that prints master keys takes its time.
                Heard::Reload => drop(context.runtime.spawn(reload(reloadable.clone()))),
            },
        }
    }
}

async fn reload(reloadable: Reloadable) {
    match reloadable
        .certificate
        .map(|certificate| certificate.reload())
    {
        None => {}
        Some(Ok(())) => tracing::info!("read the certificate again"),
        Some(Err(error)) => tracing::error!(
            error = %Chain(&error),
            "cannot read the certificate again: the one in use stays"
        ),
    }
    if let Some(ring) = reloadable.ring {
        match ring.reload().await {
            Ok(_) => tracing::info!(
                seals = %ring.keys().current().first().id(),
                "read the master keys again"
            ),
            Err(error) => tracing::error!(
                error = %Chain(&error),
                "cannot take up the master keys: those in force stay"
            ),
        }
    }
}

/// The signals that are heard.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

enum Heard {
    Stop,
    Reload,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// SIGHUP would end the process if it were not heard.
    async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.hang_up.recv() => Heard::Reload,
        }
    }
}
