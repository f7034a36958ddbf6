//! `crypt-keeper serve`: opens everything, serves until it is told to stop, closes everything.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use crypt_keeper_domain::model::Caller;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use crate::config::{Override, PublicUrl};
use crate::data_dir::DataDir;
use crate::error::{Chain, StartError};
use crate::first_start::{FirstStart, Welcome};
use crate::http::{self, HttpSettings, ReloadableCertificate, Running, State};
use crate::wiring::{self, Missing, Objects, Stores};
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
    welcome: Option<Welcome>,
}

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

    let opened = open(context, &public_url).await?;
    let http_settings = HttpSettings {
        trusted_proxies: settings.http.trusted_proxies.clone(),
        query_auth: settings.v1.query_auth,
    };
    let state = Arc::new(State::new(&opened.ports, http_settings));
    let running = http::start(listener, tls, state, opened.objects.local.clone())?;
    say_ready(context, &opened, &public_url)?;

    let outcome = serve(running, &mut signals, certificate.as_deref()).await;
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
    let ring = wiring::read_master_key(settings).await?;
    let stores = Stores::open(settings, Missing::Make, &context.runtime).await?;
    let migrate = settings.metadata.migrate_on_start;
    for applied in stores.ready_schema(migrate).await? {
        if first_start.is_none() {
            let migrations = applied.migrations.join(", ");
            tracing::info!(part = applied.part, migrations, "migrated");
        }
    }
    let vault = wiring::open_vault(settings, &stores, &ring)?;
    wiring::check_master_key(&vault).await?;
    let clock = Arc::clone(&context.clock);
    let objects = wiring::open_blobs(settings, public_url, &ring, clock, &context.runtime).await?;
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
            let algorithm = settings.keys.algorithm;
            let environment = &context.environment;
            let finish = first_start.finish(&ports, &call, algorithm, public_url, environment);
            Some(finish.await?)
        }
        None => None,
    };
    Ok(Opened {
        stores,
        objects,
        ports,
        welcome,
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

/// Serves until a signal says stop.
async fn serve(
    mut running: Running,
    signals: &mut Signals,
    certificate: Option<&ReloadableCertificate>,
) -> std::io::Result<()> {
    loop {
        tokio::select! {
            failed = running.failed() => return failed,
            heard = signals.next() => match heard {
                Heard::Stop => return running.stop().await,
                Heard::Reload => reload(certificate),
            },
        }
    }
}

fn reload(certificate: Option<&ReloadableCertificate>) {
    match certificate.map(ReloadableCertificate::reload) {
        None => {}
        Some(Ok(())) => tracing::info!("read the certificate again"),
        Some(Err(error)) => tracing::error!(
            error = %Chain(&error),
            "cannot read the certificate again: the one in use stays"
        ),
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

    /// SIGHUP would end the process if it were not heard; without TLS it means nothing.
    async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.hang_up.recv() => Heard::Reload,
        }
    }
}
