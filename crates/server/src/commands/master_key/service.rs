//! What the service of this machine knows of the ring.

use std::time::Duration;

use crypt_keeper_crypto::MasterKeyId;
use tokio::time::{Instant, sleep};

use crate::commands::{Failure, this_service};
use crate::config::Settings;

/// How long it may take to look at its file: it does so every 5 s.
const LEARNS_WITHIN: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(200);

/// What it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Nothing answers where it should listen.
    NotRunning,
    /// It does not tell: an older version, or no place to ask.
    Silent,
    /// The ids of its master keys, the one that seals first.
    Loaded(Vec<String>),
}

impl Service {
    pub(super) fn has(&self, id: MasterKeyId) -> bool {
        matches!(self, Self::Loaded(ids) if ids.contains(&id.to_string()))
    }

    pub(super) fn seals_under(&self, id: MasterKeyId) -> bool {
        matches!(self, Self::Loaded(ids) if ids.first() == Some(&id.to_string()))
    }
}

/// Asks the service that listens on `http.listen`.
pub(super) async fn ask(settings: &Settings) -> Service {
    let Some(url) = this_service::url(&settings.http, "metrics") else {
        return Service::Silent;
    };
    let Ok(answer) = this_service::ask(&url).await else {
        return Service::NotRunning;
    };
    match answer.text().await {
        Ok(text) => parse(&text),
        Err(_) => Service::Silent,
    }
}

/// Waits until the service, if there is one, seals under `id`.
pub(super) async fn wait_for(settings: &Settings, id: MasterKeyId) -> Result<Service, Failure> {
    let deadline = Instant::now() + LEARNS_WITHIN;
    loop {
        let service = ask(settings).await;
        match service {
            Service::Loaded(_) if service.seals_under(id) => return Ok(service),
            Service::NotRunning => return Ok(service),
            Service::Silent => {
                return Err(Failure::Failed(format!(
                    "the service at {} does not say which master keys it has: restart it, in this \
                     version, or stop it; or, if you know that it has master key {id}, pass \
                     --no-wait",
                    settings.http.listen
                )));
            }
            Service::Loaded(_) if Instant::now() < deadline => sleep(PAUSE).await,
            Service::Loaded(_) => {
                return Err(Failure::Failed(format!(
                    "the service at {} does not seal under master key {id} yet, so nothing was \
                     done that it could not follow: send it SIGHUP, look at its log, see that it \
                     reads the same ring, then run this again",
                    settings.http.listen
                )));
            }
        }
    }
}

fn parse(metrics: &str) -> Service {
    let mut ids = Vec::new();
    for line in metrics.lines() {
        let Some(labels) = line.strip_prefix("crypt_keeper_master_key{") else {
            continue;
        };
        let Some(id) = between(labels, "id=\"", "\"") else {
            continue;
        };
        let at = if between(labels, "use=\"", "\"") == Some("seals") {
            0
        } else {
            ids.len()
        };
        ids.insert(at, id.to_owned());
    }
    if ids.is_empty() {
        Service::Silent
    } else {
        Service::Loaded(ids)
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = text.split_once(before)?.1;
    Some(rest.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_seals_comes_first_whatever_the_order() {
        let text = "# TYPE crypt_keeper_master_key gauge\n\
                    crypt_keeper_master_key{id=\"00000000000000aa\",use=\"opens\"} 1\n\
                    crypt_keeper_master_key{id=\"00000000000000bb\",use=\"seals\"} 1\n\
                    crypt_keeper_master_key{id=\"00000000000000cc\",use=\"opens\"} 1\n";
        let ids = ["00000000000000bb", "00000000000000aa", "00000000000000cc"];
        let loaded = Service::Loaded(ids.map(str::to_owned).to_vec());
        assert_eq!(parse(text), loaded);
        assert_eq!(
            parse("crypt_keeper_ready{part=\"keys\"} 1\n"),
            Service::Silent
        );
    }
}
