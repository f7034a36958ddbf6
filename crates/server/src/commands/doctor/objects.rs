//! The object store, and the way of an object there and back.

use std::sync::Arc;

use super::finding::Finding;
use super::round_trip::{self, Trouble};
use super::{bucket, clocks};
use crate::commands::Context;
use crate::commands::administration::Administration;
use crate::config::{BlobsBackend, PublicUrl, Settings};
use crate::error::Chain;
use crate::wiring::{self, MasterKeys, Objects};

const STORE: &str = "objects";
const ROUND_TRIP: &str = "presigned urls";

/// Looks at the store, then at the way there.
pub(super) async fn examine(
    context: &Context,
    url: &PublicUrl,
    master_keys: Option<&MasterKeys>,
    admin: Option<&Administration>,
    findings: &mut Vec<Finding>,
) {
    let settings = context.settings();
    let clock = Arc::clone(&context.clock);
    let opened = wiring::open_blobs(settings, url, master_keys, clock, &context.runtime).await;
    let objects = match opened {
        Ok(objects) => objects,
        Err(error) => {
            findings.push(Finding::error(
                STORE,
                Chain(&error).to_string(),
                mend(settings),
            ));
            return;
        }
    };
    findings.extend(clock_of(&objects).await);
    if let Some(probe) = &objects.probe
        && let Err(error) = probe.check().await
    {
        findings.push(Finding::error(
            STORE,
            Chain(&error).to_string(),
            mend(settings),
        ));
        return;
    }
    findings.push(Finding::ok(STORE, "the object store answers"));
    if let Some(admin) = admin {
        bucket::examine(settings, admin, &objects, findings).await;
    }
    if settings.http.public_url.is_none()
        && settings.http.listen.port() == 0
        && objects.local.is_some()
    {
        findings.push(Finding::warning(
            ROUND_TRIP,
            "`http.listen` lets the system choose the port: nobody knows where to try a URL",
            "configure a port, or `http.public_url`",
        ));
        return;
    }
    let outcome = round_trip::run(&*objects.blobs, &*context.entropy).await;
    findings.push(judge(settings, url, outcome));
}

fn mend(settings: &Settings) -> &'static str {
    match settings.blobs.backend {
        BlobsBackend::Local => {
            "is the data folder's disk mounted, writable by this user, and not full?"
        }
        BlobsBackend::S3(_) => {
            "`crypt-keeper setup` makes a bucket that is missing; else compare `blobs.s3.*` \
             (`crypt-keeper config check`) and the AWS credentials with the store's own"
        }
    }
}

async fn clock_of(objects: &Objects) -> Option<Finding> {
    let check = "object store clock";
    // A store that does not answer at all is the next finding.
    let ahead = objects.clock_skew().await.ok().flatten()?;
    let whose = "the object store's clock";
    Some(clocks::judge(check, whose, ahead, &clocks::OBJECT_STORE))
}

fn judge(settings: &Settings, url: &PublicUrl, outcome: Result<(), Trouble>) -> Finding {
    let trouble = match outcome {
        Ok(()) => {
            return Finding::ok(
                ROUND_TRIP,
                "an object went to the store and came back by presigned URLs, and was deleted",
            );
        }
        Err(trouble) => trouble,
    };
    match (&settings.blobs.backend, trouble) {
        (BlobsBackend::Local, Trouble::Unreachable(words)) => Finding::warning(
            ROUND_TRIP,
            format!("no service answers at {url}, so no URL could be tried: {words}"),
            "start the service and run doctor again; if it runs, `http.public_url` must lead to it",
        ),
        (BlobsBackend::Local, Trouble::Failed(words)) => Finding::error(
            ROUND_TRIP,
            words,
            "does `http.public_url` lead to this service, with this data folder and master key? A \
             proxy in front must pass paths and queries of /blobs/ on as they are",
        ),
        // Within a container network the address that clients use may lead nowhere.
        (BlobsBackend::S3(s3), Trouble::Unreachable(words))
            if s3.public_endpoint.is_some() && s3.public_endpoint != s3.endpoint =>
        {
            Finding::warning(
                ROUND_TRIP,
                format!("the address that clients use leads nowhere from here: {words}"),
                "run doctor where clients are; if they cannot reach it either, mend \
                 `blobs.s3.public_endpoint`",
            )
        }
        (BlobsBackend::S3(_), Trouble::Unreachable(words) | Trouble::Failed(words)) => {
            Finding::error(
                ROUND_TRIP,
                words,
                "compare `blobs.s3.endpoint`, `blobs.s3.public_endpoint`, `blobs.s3.region` and \
                 `blobs.s3.path_style` with the store's own, and give the credentials PutObject, \
                 GetObject and DeleteObject on the bucket",
            )
        }
    }
}
