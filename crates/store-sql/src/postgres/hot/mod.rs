//! What every request asks, gathered: one statement over arrays for all that wait, on a connection
//! of its own for each kind. The text of a statement is fixed whatever the number of rows, so that
//! it is prepared once. Answers are matched by number, never by the order of rows.

mod api_key;
mod arrays;
mod audit_arrays;
mod document_arrays;
mod find;
mod insert;
mod release;
mod span;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    ApiKey, ApiKeyId, Document, DocumentId, Entry, Principal, Record, User,
};
use crypt_keeper_domain::ports::{Found, InsertOutcome, Release, ReleaseOutcome, StoreError};
use diesel_async::pooled_connection::PoolableConnection as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use super::connect::{Connector, Purpose};
use super::pool::breaks_connection;
use super::{Conn, Store};
use crate::batch::{Answers, Batcher, Engine, QUEUE_LIMIT};
use crate::error::Failure;

/// How long a batch may take; the server gives up on its statement before.
const BATCH_WITHIN: Duration = Duration::from_secs(10);

/// The gathering tasks of a store.
#[derive(Debug)]
pub(super) struct Hot {
    api_keys: Batcher<Gathered<api_key::FindApiKey>>,
    finds: Batcher<Gathered<find::Find>>,
    inserts: Inserts,
    releases: Batcher<Gathered<release::RecordRelease>>,
}

/// By the rights that the database role has.
#[derive(Debug)]
enum Inserts {
    Full(Batcher<Gathered<insert::Insert>>),
    Ingest(Batcher<Gathered<insert::IngestInsert>>),
}

/// What the database role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everything.
    Full,
    /// To insert documents by way of functions.
    Ingest,
}

impl Hot {
    pub(super) fn start(connector: &Connector, runtime: &Handle, access: Access) -> Self {
        Self {
            api_keys: Gathered::start(connector, runtime),
            finds: Gathered::start(connector, runtime),
            inserts: match access {
                Access::Full => Inserts::Full(Gathered::start(connector, runtime)),
                Access::Ingest => Inserts::Ingest(Gathered::start(connector, runtime)),
            },
            releases: Gathered::start(connector, runtime),
        }
    }

    /// Answers what waits, then closes the connections.
    pub(super) async fn shut_down(&self) {
        futures_util::join!(
            self.api_keys.shut_down(),
            self.finds.shut_down(),
            self.inserts.shut_down(),
            self.releases.shut_down(),
        );
    }
}

impl Inserts {
    async fn ask(&self, request: Arc<insert::Request>) -> Result<InsertOutcome, StoreError> {
        match self {
            Self::Full(inserts) => inserts.ask(request).await,
            Self::Ingest(inserts) => inserts.ask(request).await,
        }
    }

    async fn shut_down(&self) {
        match self {
            Self::Full(inserts) => inserts.shut_down().await,
            Self::Ingest(inserts) => inserts.shut_down().await,
        }
    }
}

pub(super) async fn find_api_key(
    store: &Store,
    id: ApiKeyId,
) -> Result<Option<(ApiKey, User)>, StoreError> {
    store.hot.api_keys.ask(id).await
}

pub(super) async fn find(
    store: &Store,
    id: DocumentId,
    principals: &[Principal],
) -> Result<Option<Found>, StoreError> {
    let key = store.place.key(id);
    store.hot.finds.ask((key, principals.into())).await
}

pub(super) async fn insert(
    store: &Store,
    document: &Document,
    owner_entry: &Entry,
    act: &Record,
) -> Result<InsertOutcome, StoreError> {
    let request = insert::Request::new(store.place, document, owner_entry, act);
    store.hot.inserts.ask(Arc::new(request)).await
}

pub(super) async fn record_release(
    store: &Store,
    release: &Release,
    act: &Record,
) -> Result<ReleaseOutcome, StoreError> {
    let request = release::Request::new(store.place, release, act);
    store.hot.releases.ask(Arc::new(request)).await
}

/// A statement that serves many requests at once.
trait Gather: Send + Sync + 'static {
    /// What it is called in the log.
    const NAME: &'static str;
    /// What its connection is set up for.
    const PURPOSE: Purpose;
    type Request: Clone + Send + Sync + 'static;
    type Answer: Send + 'static;

    /// Runs it in a transaction of its own. The answers are in the order of the requests.
    fn run(conn: &mut Conn, batch: Vec<Self::Request>) -> BoxFuture<'_, Answers<Self::Answer>>;
}

/// An engine of the batcher for a statement.
struct Gathered<G> {
    connector: Connector,
    statement: PhantomData<G>,
}

impl<G: Gather> Gathered<G> {
    fn start(connector: &Connector, runtime: &Handle) -> Batcher<Self> {
        let engine = Self {
            connector: connector.clone(),
            statement: PhantomData,
        };
        Batcher::start(engine, runtime, QUEUE_LIMIT)
    }
}

/// A connection, and whether something was met that leaves it in an unknown state.
struct Session {
    conn: Conn,
    spoilt: bool,
}

impl<G: Gather> Engine for Gathered<G> {
    type Session = Session;
    type Request = G::Request;
    type Answer = G::Answer;

    fn name(&self) -> &'static str {
        G::NAME
    }

    fn open(&self) -> BoxFuture<'_, Result<Session, StoreError>> {
        async {
            let conn = self.connector.connect_to_act(G::PURPOSE).await?;
            Ok(Session {
                conn,
                spoilt: false,
            })
        }
        .boxed()
    }

    fn is_broken(&self, session: &mut Session) -> bool {
        session.spoilt || session.conn.is_broken()
    }

    fn run<'a>(
        &'a self,
        session: &'a mut Session,
        batch: Vec<G::Request>,
    ) -> BoxFuture<'a, Answers<G::Answer>> {
        async move {
            let answers = tokio::time::timeout(BATCH_WITHIN, G::run(&mut session.conn, batch))
                .await
                .unwrap_or(Err(Failure::TimedOut));
            if let Err(failure) = &answers {
                session.spoilt = breaks_connection(failure);
            }
            answers.map_err(|failure| self.connector.judge(failure))
        }
        .boxed()
    }
}

/// The number of a request of a batch, from 1, as `WITH ORDINALITY` counts.
fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX - 1) + 1
}

/// Where the request of a number is.
fn index(number: i64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests;
