//! Makes connections.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crypt_keeper_domain::ports::StoreError;
use crypt_keeper_secret::{ExposeSecret as _, SecretString};
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use postgres_openssl::MakeTlsConnector;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode as Negotiation;

use super::url::{self, SslMode};
use super::{Conn, tls};
use crate::error::{Failure, OpenError, is_vague, unavailable};

/// How long a server is waited for, unless the URL says otherwise.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long setting up a new session may take on top.
const SET_UP_WITHIN: Duration = Duration::from_secs(5);
/// How long sent data may stay unacknowledged, so that a machine that vanished is noticed.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection is for; it decides about limits and plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whatever is rare: lists, administration, changes.
    Pooled,
    /// Gathered statements that look rows up by their keys.
    GatheredLookups,
    /// Gathered statements that insert.
    GatheredInserts,
    /// Migrations, which may take long.
    Migration,
}

/// Makes connections to one database.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    config: Config,
    tls: MakeTlsConnector,
    schema: Option<&'static str>,
    /// Whether the server's messages are known not to be in English.
    is_foreign: AtomicBool,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The configuration holds a password.
        f.debug_struct("Connector")
            .field("hosts", &self.0.config.get_hosts())
            .field("database", &self.0.config.get_dbname())
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// Reads the URL and the files it names. Blocks. With `schema`, tables are in that schema
    /// alone.
    pub(super) fn new(url: &SecretString, schema: Option<&'static str>) -> Result<Self, OpenError> {
        let (rest, tls_settings) = url::split(url.expose_secret())?;
        let mut config: Config = rest.parse().map_err(|_| {
            // The parser's own words may repeat what it read.
            OpenError::Settings(
                "the PostgreSQL URL is not understood; it looks like \
                 postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=FILE, \
                 with special characters percent-encoded"
                    .into(),
            )
        })?;
        config.ssl_mode(match tls_settings.mode {
            SslMode::Disable => Negotiation::Disable,
            SslMode::Prefer => Negotiation::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Negotiation::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WITHIN);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if !rest.contains("keepalives") {
            config
                .keepalives(true)
                .keepalives_idle(Duration::from_secs(30))
                .keepalives_interval(Duration::from_secs(10))
                .keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("crypt-keeper");
        }
        Ok(Self(Arc::new(Inner {
            config,
            tls: tls::connector(&tls_settings)?,
            schema,
            is_foreign: AtomicBool::new(false),
        })))
    }

    /// The schema that tables are in, if it is not the database's default.
    pub(super) fn schema(&self) -> Option<&'static str> {
        self.0.schema
    }

    /// Connects. The connection lives on the runtime this is called on.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<Conn, OpenError> {
        let Inner { config, tls, .. } = &*self.0;
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        let patience = config
            .get_connect_timeout()
            .copied()
            .unwrap_or(CONNECT_WITHIN)
            * hosts
            + SET_UP_WITHIN;
        let connected = tokio::time::timeout(patience, async {
            let (client, connection) = config.connect(tls.clone()).await.map_err(refused)?;
            let mut conn = AsyncPgConnection::try_from_client_and_connection(client, connection)
                .await
                .map_err(|error| OpenError::Unavailable(Box::new(error)))?;
            conn.batch_execute(&self.settings(purpose)).await?;
            self.learn_language(&mut conn).await?;
            Ok(conn)
        });
        connected
            .await
            .unwrap_or_else(|_| Err(unavailable("the database did not answer in time").into()))
    }

    /// Connects for an act: then whatever the server says against it may pass.
    pub(super) async fn connect_to_act(&self, purpose: Purpose) -> Result<Conn, StoreError> {
        self.connect(purpose).await.map_err(|error| {
            StoreError::Unavailable(match error {
                OpenError::Unavailable(source) => source,
                other => Box::new(other),
            })
        })
    }

    /// Errors are told apart by their words, since diesel drops the SQLSTATE: so it matters which
    /// language the server speaks, where its role may not choose.
    async fn learn_language(&self, conn: &mut Conn) -> Result<(), OpenError> {
        let words = sql::<Nullable<Text>>("current_setting('crypt_keeper.division', true)");
        let said: Option<String> =
            diesel_async::RunQueryDsl::get_result(diesel::select(words), conn).await?;
        let is_foreign = said.is_some_and(|words| words != "division by zero");
        if is_foreign && !self.0.is_foreign.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the PostgreSQL server's messages are not in English, so errors that may pass are \
                 hard to tell from others: run GRANT SET ON PARAMETER lc_messages (PostgreSQL 15), \
                 or ALTER ROLE .. SET lc_messages = 'C', for this service's role"
            );
        }
        Ok(())
    }

    /// A failure as it is to be told. In a language that is not understood, what has no kind of its
    /// own and points at nothing in the statement or the tables counts as passing: who asks again
    /// in vain loses less than who gives up too early.
    pub(super) fn judge(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Sql(error)
                if self.0.is_foreign.load(Ordering::Relaxed) && is_vague(&error) =>
            {
                StoreError::Unavailable(error.into()).into()
            }
            told => told,
        }
    }

    fn settings(&self, purpose: Purpose) -> String {
        let mut settings = String::from(
            "SET default_transaction_isolation = 'read committed';
             SET idle_in_transaction_session_timeout = '30s';
             SET lock_timeout = '6s';",
        );
        settings.push_str(ENGLISH);
        settings.push_str(match purpose {
            // Pages are read in the order of an index where there is one. The planner takes what
            // stands behind a cursor for one row, and would sort a million of them for a page.
            Purpose::Pooled => {
                "SET statement_timeout = '20s';
                 SET enable_sort = off;"
            }
            Purpose::Migration => "SET statement_timeout = 0;",
            // The text is fixed whatever the number of rows, so one plan serves for ever, and
            // compiling it costs more than running it.
            Purpose::GatheredInserts => {
                "SET statement_timeout = '8s';
                 SET plan_cache_mode = force_generic_plan;
                 SET jit = off;"
            }
            // Rows are found by their keys, from the first on: a plan made while the tables were
            // small must still be right when they are large. Joins are made in the order in which
            // they are written: so are rows locked.
            Purpose::GatheredLookups => {
                "SET statement_timeout = '8s';
                 SET plan_cache_mode = force_generic_plan;
                 SET jit = off;
                 SET enable_seqscan = off;
                 SET enable_hashjoin = off;
                 SET enable_mergejoin = off;
                 SET join_collapse_limit = 1;"
            }
        });
        if let Some(schema) = self.0.schema {
            // Writing to a String does not fail.
            let _ = write!(settings, "SET search_path = {schema};");
        }
        settings
    }
}

/// Asks for messages in English, which takes a right that few roles have, and keeps the words of an
/// error, to see what came of it. Errors that are caught are not logged.
const ENGLISH: &str = "
    DO $$
    BEGIN
        BEGIN
            SET lc_messages = 'C';
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END;
        BEGIN
            PERFORM 1 / 0;
        EXCEPTION WHEN division_by_zero THEN
            PERFORM set_config('crypt_keeper.division', SQLERRM, false);
        END;
    END
    $$;";

/// A refusal that will not pass by itself is a matter of settings; the rest is that the server is
/// away. No text of tokio-postgres holds the password.
fn refused(error: tokio_postgres::Error) -> OpenError {
    // 28: invalid authorization, 3D: no such database, 42501: no right to connect.
    let settings = error.as_db_error().filter(|refusal| {
        let code = refusal.code().code();
        code.starts_with("28") || code.starts_with("3D") || code == "42501"
    });
    match settings {
        Some(refusal) => OpenError::Settings(format!(
            "the PostgreSQL server refuses the connection: {}",
            refusal.message()
        )),
        None => OpenError::Unavailable(Box::new(error)),
    }
}
