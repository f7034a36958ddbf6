//! All parts of the service, for commands that do what the service does.

use std::sync::Arc;

use super::administration::Administration;
use super::{Context, Failure, public_url};
use crate::ports::Ports;
use crate::wiring::{self, Objects, Vault};

/// The parts, and where objects lie.
pub(super) struct Parts {
    pub(super) ports: Ports,
    pub(super) objects: Objects,
}

/// Opens key vault and object store beside the databases. A vault with a wrong master key is
/// refused.
pub(super) async fn open_ports(
    context: &Context,
    admin: &Administration,
) -> Result<Parts, Failure> {
    let settings = context.settings();
    let master_keys = wiring::read_master_keys(settings).await?;
    let keys = master_keys.as_ref();
    let vault = Vault::open(settings, &admin.stores, keys)?;
    vault.check_at_start().await?;
    let clock = Arc::clone(&context.clock);
    let url = public_url(settings);
    let objects = wiring::open_blobs(settings, &url, keys, clock, &context.runtime).await?;
    let ports = wiring::ports(
        &admin.stores,
        &vault,
        &objects,
        Arc::clone(&context.clock),
        Arc::clone(&context.entropy),
    );
    Ok(Parts { ports, objects })
}
