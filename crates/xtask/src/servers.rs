//! One of each server, for a run of the tests or until they are stopped.

use std::path::PathBuf;

use crypt_keeper_test_services::shared::{
    DYNAMODB_URL, MINIO_ACCESS_KEY, MINIO_SECRET_KEY, MINIO_URL, OPENBAO_TOKEN, OPENBAO_URL,
    POSTGRES_URL, VERSITYGW_ACCESS_KEY, VERSITYGW_SECRET_KEY, VERSITYGW_URL,
};
use crypt_keeper_test_services::{
    DynamoDb, DynamoDbOptions, OpenBao, OpenBaoOptions, Postgres, PostgresOptions, ProcessIdentity,
    Result, S3Options, S3Server,
};

/// A kind of server that tests share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Minio,
    Versitygw,
    OpenBao,
    DynamoDb,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Postgres,
        Self::Minio,
        Self::Versitygw,
        Self::OpenBao,
        Self::DynamoDb,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Minio => "minio",
            Self::Versitygw => "versitygw",
            Self::OpenBao => "openbao",
            Self::DynamoDb => "dynamodb",
        }
    }

    /// The variable that names such a server to the tests.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Postgres => POSTGRES_URL,
            Self::Minio => MINIO_URL,
            Self::Versitygw => VERSITYGW_URL,
            Self::OpenBao => OPENBAO_URL,
            Self::DynamoDb => DYNAMODB_URL,
        }
    }

    pub(crate) fn start(self, detached: bool) -> Result<Server> {
        let s3 = S3Options {
            detached,
            ..S3Options::default()
        };
        Ok(match self {
            Self::Postgres => Server::Postgres(Box::new(Postgres::start(&PostgresOptions {
                detached,
                ..PostgresOptions::default()
            })?)),
            Self::Minio => Server::S3(
                Box::new(S3Server::start_minio(&s3)?),
                [MINIO_ACCESS_KEY, MINIO_SECRET_KEY],
            ),
            Self::Versitygw => Server::S3(
                Box::new(S3Server::start_versitygw(&s3)?),
                [VERSITYGW_ACCESS_KEY, VERSITYGW_SECRET_KEY],
            ),
            Self::DynamoDb => {
                Server::DynamoDb(Box::new(DynamoDb::start(&DynamoDbOptions { detached })?))
            }
            Self::OpenBao => {
                let tls = false;
                Server::OpenBao(Box::new(OpenBao::start(&OpenBaoOptions { tls, detached })?))
            }
        })
    }
}

/// A running server of any kind.
#[derive(Debug)]
pub(crate) enum Server {
    Postgres(Box<Postgres>),
    S3(Box<S3Server>, [&'static str; 2]),
    OpenBao(Box<OpenBao>),
    DynamoDb(Box<DynamoDb>),
}

impl Server {
    /// Where it is, without credentials.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Postgres(server) => server.url(),
            Self::S3(server, _) => server.endpoint().to_owned(),
            Self::OpenBao(server) => server.access().address().to_owned(),
            Self::DynamoDb(server) => server.access().endpoint.clone(),
        }
    }

    /// The variables that name it to the tests.
    pub(crate) fn variables(&self, kind: Kind) -> Vec<(String, String)> {
        let mut variables = vec![(kind.variable().to_owned(), self.address())];
        match self {
            Self::Postgres(_) | Self::DynamoDb(_) => {}
            Self::S3(server, [access_key, secret_key]) => {
                let access = server.access();
                variables.push(((*access_key).to_owned(), access.access_key.clone()));
                variables.push(((*secret_key).to_owned(), access.secret_key.clone()));
            }
            Self::OpenBao(server) => {
                let token = server.access().root_token().to_owned();
                variables.push((OPENBAO_TOKEN.to_owned(), token));
            }
        }
        variables
    }

    pub(crate) fn leave_running(self) -> Result<(ProcessIdentity, PathBuf)> {
        match self {
            Self::Postgres(server) => server.leave_running(),
            Self::S3(server, _) => server.leave_running(),
            Self::OpenBao(server) => server.leave_running(),
            Self::DynamoDb(server) => server.leave_running(),
        }
    }
}
