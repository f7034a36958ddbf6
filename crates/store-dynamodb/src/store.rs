use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use crypt_keeper_aws::AnswerClock;
use crypt_keeper_domain::model::{
    ApiKey, ApiKeyId, DocumentId, KeyPair, Record, Serial, Timestamp, User,
};
use crypt_keeper_domain::ports::{Clock, StoreError};
use futures_util::FutureExt as _;
use tokio::runtime::Handle;

use crate::accounts::read_api_key;
use crate::calls::Calls;
use crate::catalogue::Catalogue;
use crate::coalesce::Coalesced;
use crate::config::{ConfigError, DynamoDbConfig};
use crate::error::{CallError, Fault, OpenError, StoreOrCall, unavailable};
use crate::items::{audit_hash, key_pair, pair_key};
use crate::schema::SchemaStatus;
use crate::tables::TableNames;
use crate::transaction::Until;

/// How long a store without row locks goes by the state that it saw a key pair in: 60 s. The
/// destruction of a pair may be scheduled 24 h after it has left active service, so whatever was
/// wrapped under it has been written, and is counted, by then.
const PAIR_STATE_HOLDS: Duration = Duration::from_secs(60);

/// Runs a method of the core on the store's runtime, with arguments of its own.
macro_rules! on_runtime {
    ($store:ident . $act:ident ($($argument:ident),* $(,)?)) => {{
        $(let $argument = $argument.to_owned();)*
        let core = $store.core();
        $store
            .on_runtime(async move { core.$act($(&$argument),*).await })
            .await
    }};
}
pub(crate) use on_runtime;

/// The metadata store on DynamoDB. Cheap to clone.
///
/// A connection lives on the runtime that opened it, and stalls when that does. Acts therefore run
/// on one runtime, named at the start, whose threads are never blocked, and to their end there, even
/// if whoever asked goes away.
#[derive(Clone)]
pub struct DynamoDbStore {
    core: Arc<Core>,
    runtime: Handle,
}

impl fmt::Debug for DynamoDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbStore")
            .field("tables", &self.core.calls.tables)
            .finish_non_exhaustive()
    }
}

impl DynamoDbStore {
    /// The store, by the AWS environment, profile and credential chain. Nothing is asked of
    /// DynamoDB yet.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub async fn connect(
        config: &DynamoDbConfig,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> Result<Self, ConfigError> {
        let sdk = config.load().await;
        Self::connect_with(config, &sdk, clock, runtime)
    }

    /// The store, with the SDK's settings given: credentials from elsewhere, another HTTP client.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn connect_with(
        config: &DynamoDbConfig,
        sdk: &SdkConfig,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> Result<Self, ConfigError> {
        let calls = Calls {
            client: config.client(sdk)?,
            tables: TableNames::new(&config.table_prefix),
        };
        Ok(Self {
            core: Arc::new(Core::new(calls, clock)),
            runtime,
        })
    }

    /// The same store, before anything was asked of it, with DynamoDB's clock as the store's: it goes
    /// by the `Date` header of DynamoDB's answers. Without this the store's clock is ours, and no
    /// defence against it.
    #[must_use]
    pub fn by_the_dates_of_answers(self) -> Self {
        let answers = AnswerClock::default();
        let config = self.core.calls.client.config().to_builder();
        let calls = Calls {
            client: Client::from_conf(config.interceptor(answers.clone()).build()),
            tables: self.core.calls.tables.clone(),
        };
        let core = Core {
            place: self.core.place,
            answers: Some(answers),
            ..Core::new(calls, Arc::clone(&self.core.clock))
        };
        Self {
            core: Arc::new(core),
            runtime: self.runtime,
        }
    }

    /// The documents that legal holds keep, as a store of their own beside the same others.
    #[must_use]
    pub fn held(&self) -> Self {
        self.at(Place::Held)
    }

    /// The documents in their partitions: what partitions, sweeps and holds are about, wherever the
    /// store itself looks.
    pub(crate) fn partitioned(&self) -> Self {
        self.at(Place::Partitions)
    }

    fn at(&self, place: Place) -> Self {
        if self.core.place == place {
            return self.clone();
        }
        let core = Core {
            place,
            ..Core::clone(&self.core)
        };
        Self {
            core: Arc::new(core),
            runtime: self.runtime.clone(),
        }
    }

    /// Makes the tables that are missing and do not hang on the time, and gives their names. Any
    /// number may do so at once.
    ///
    /// # Errors
    /// [`OpenError::Newer`], [`OpenError::ForeignTable`]; [`OpenError::Unavailable`],
    /// [`OpenError::Failed`].
    pub async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let core = Arc::clone(&self.core);
        let work = async move { core.calls.migrate().await };
        self.opened(self.runtime.spawn(work).await)
    }

    /// How the tables compare with what this program needs.
    ///
    /// # Errors
    /// [`OpenError::ForeignTable`]; [`OpenError::Unavailable`], [`OpenError::Failed`].
    pub async fn schema_status(&self) -> Result<SchemaStatus, OpenError> {
        let core = Arc::clone(&self.core);
        let work = async move { core.calls.schema_status().await };
        self.opened(self.runtime.spawn(work).await)
    }

    /// The tables of partitions that the catalogue has and DynamoDB lacks: their documents are lost,
    /// unless a backup has them. It asks about every partition, one by one.
    ///
    /// # Errors
    /// [`StoreError::Backend`] from [`OpenError::ForeignTable`] if a table is another;
    /// [`StoreError::Unavailable`].
    pub async fn lost_tables(&self) -> Result<Vec<String>, StoreError> {
        on_runtime!(self.lost_tables())
    }

    /// Milliseconds that DynamoDB's clock is ahead of ours; `None` if it does not tell. Requests are
    /// refused from 15 minutes on.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`], [`OpenError::Failed`].
    pub async fn clock_skew(&self) -> Result<Option<i64>, OpenError> {
        let core = Arc::clone(&self.core);
        let work = async move { core.clock_skew().await.map_err(OpenError::from) };
        self.opened(self.runtime.spawn(work).await)
    }

    fn opened<T>(
        &self,
        done: Result<Result<T, OpenError>, tokio::task::JoinError>,
    ) -> Result<T, OpenError> {
        done.unwrap_or_else(|error| {
            Err(OpenError::Unavailable(CallError {
                call: "a call",
                table: self.core.calls.tables.catalogue(),
                fault: Fault::Unreachable,
                detail: Some(error.to_string()),
            }))
        })
    }

    /// The store itself, for an act on its runtime.
    pub(crate) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.core)
    }

    /// Runs an act on the runtime of the connections.
    pub(crate) async fn on_runtime<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        match self.runtime.spawn(act).await {
            Ok(done) => done,
            // The runtime is being shut down, or the act has panicked: nobody knows how far it got.
            Err(error) => Err(StoreError::Unavailable(Box::new(error))),
        }
    }
}

/// Where the documents lie that a store speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the tables of their partitions.
    Partitions,
    /// In the table of what legal holds keep.
    Held,
}

/// What the ports are implemented on. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) calls: Calls,
    /// Ours.
    pub(crate) clock: Arc<dyn Clock>,
    /// DynamoDB's, if the store goes by that.
    answers: Option<AnswerClock>,
    pub(crate) place: Place,
    pub(crate) catalogue: Arc<Catalogue>,
    pairs: Coalesced<Serial, Option<KeyPair>>,
    api_keys: Coalesced<ApiKeyId, Option<(ApiKey, User)>>,
}

impl Core {
    fn new(calls: Calls, clock: Arc<dyn Clock>) -> Self {
        let (for_pairs, for_keys) = (calls.clone(), calls.clone());
        Self {
            pairs: Coalesced::new(move |serial| {
                let calls = for_pairs.clone();
                async move { read_pair(&calls, serial).await }.boxed()
            }),
            api_keys: Coalesced::new(move |id| {
                let calls = for_keys.clone();
                async move { read_api_key(&calls, id).await }.boxed()
            }),
            calls,
            clock,
            answers: None,
            place: Place::Partitions,
            catalogue: Arc::default(),
        }
    }

    /// What the store's clock shows: DynamoDB's, as its last answer told, or else ours. To be looked at
    /// after a read, never before: so there was an answer.
    pub(crate) fn stores_now(&self) -> Timestamp {
        let told = self.answers.as_ref().and_then(AnswerClock::now);
        told.unwrap_or_else(|| self.clock.now())
    }

    /// What the store's clock shows, asked for.
    pub(crate) async fn ask_now(&self) -> Result<Timestamp, StoreError> {
        if self.answers.is_some() {
            self.calls.describe(&self.calls.tables.catalogue()).await?;
        }
        Ok(self.stores_now())
    }

    /// The table that a document lies in.
    pub(crate) fn table_of(&self, id: DocumentId) -> String {
        match self.place {
            Place::Partitions => self.calls.tables.documents(id.partition()),
            Place::Held => self.calls.tables.held(),
        }
    }

    /// What the answer of a read of the table of a document means: a table that is missing may hold
    /// nothing.
    pub(crate) async fn judge<T>(
        &self,
        id: DocumentId,
        read: Result<T, StoreOrCall>,
        nothing: T,
    ) -> Result<T, StoreError> {
        match self.place {
            Place::Partitions => Catalogue::judge(&self.calls, id.partition(), read, nothing).await,
            Place::Held => Ok(read?),
        }
    }

    /// A key pair, as all acknowledged writes have left it.
    pub(crate) async fn pair(&self, serial: Serial) -> Result<Option<KeyPair>, StoreError> {
        self.pairs.get(serial).await
    }

    /// An API key and its user, as all acknowledged writes have left them.
    pub(crate) async fn api_key(&self, id: ApiKeyId) -> Result<Option<(ApiKey, User)>, StoreError> {
        self.api_keys.get(id).await
    }

    /// Sees to it that the audit log is read where a record is written.
    pub(crate) async fn ready_for(&self, record: &Record) -> Result<(), StoreError> {
        let (month, _) = audit_hash(record.audit.id);
        self.catalogue.ensure_month(&self.calls, &month).await
    }

    /// Until when an act may be decided by the state that a key pair was seen in at `seen`.
    pub(crate) fn pair_state_holds(&self, seen: Timestamp) -> Until<'_> {
        Until {
            clock: &*self.clock,
            moment: seen.plus(PAIR_STATE_HOLDS),
        }
    }

    /// Refuses a wrap that is too old for a store without row locks.
    pub(crate) fn require_young_wrap(
        &self,
        wrapped_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if now.since(wrapped_at) > PAIR_STATE_HOLDS {
            return Err(unavailable(
                "the document key was wrapped more than 60 s ago: the request took too long",
            ));
        }
        Ok(())
    }
}

async fn read_pair(calls: &Calls, serial: Serial) -> Result<Option<KeyPair>, StoreError> {
    let found = calls
        .get(&calls.tables.key_pairs(), &pair_key(serial))
        .await?;
    found.as_ref().map(key_pair).transpose()
}
