//! The installation that is copied into.

use super::super::administration::Administration;
use super::super::migrate::apply;
use super::super::{Context, Failure};
use crate::config::Settings;
use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::wiring::{self, MasterKeys, Missing, Stores};

/// The target, ready to be copied into.
pub(super) struct Target {
    pub(super) settings: Settings,
    pub(super) master_keys: Option<MasterKeys>,
    pub(super) admin: Administration,
}

impl Target {
    /// Opens it, and makes what it lacks: tables, and in an embedded one the master key. No key pair:
    /// those come with the copy.
    pub(super) async fn open(settings: &Settings, context: &Context) -> Result<Self, Failure> {
        if settings.is_embedded() {
            make_master_key(&DataDir::new(&settings.data_dir))?;
        }
        // Before any database is made for a service that cannot work.
        let master_keys = wiring::read_master_keys(settings).await?;
        let stores = Stores::open(settings, Missing::Make, &context.runtime).await?;
        for database in &stores.databases {
            apply(&**database).await?;
        }
        Ok(Self {
            settings: settings.clone(),
            master_keys,
            admin: Administration::over(stores, context)?,
        })
    }

    /// Opens its databases and changes nothing; `None` if it has none yet, or they lack tables.
    pub(super) async fn open_as_it_is(
        settings: &Settings,
        context: &Context,
    ) -> Result<Option<Administration>, Failure> {
        let stores = match Stores::open(settings, Missing::Refuse, &context.runtime).await {
            Ok(stores) => stores,
            Err(StartError::NoDatabase(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match stores.ready_schema(false).await {
            Ok(_) => Ok(Some(Administration::over(stores, context)?)),
            Err(StartError::Outdated { .. }) => {
                stores.shutdown().await;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// As the first start would: never for a folder that has a database, whose key would be lost.
fn make_master_key(folder: &DataDir) -> Result<(), StartError> {
    folder.make()?;
    let path = folder.master_key();
    if !path.exists() && !folder.metadata().exists() {
        wiring::make_master_key(&path)?;
    }
    Ok(())
}
