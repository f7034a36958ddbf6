use std::sync::Arc;

use crypt_keeper_domain::model::{Entry, Principal};
use crypt_keeper_domain::ports::{Found, StoreError};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::arrays::Arrays;
use super::span::Span;
use super::{Gather, index, number};
use crate::batch::Answers;
use crate::postgres::Conn;
use crate::postgres::connect::Purpose;
use crate::postgres::partitions::{
    are_copies_lost, is_copy, lost, lost_among, lost_copies, partition_of,
};
use crate::rows::{DocumentRow, EntryRow, Key, WrapColumns, named};
use crate::schema::{documents, entries};
use crate::sql_types::{Id, SqlUuid};

/// Documents by id, each with the state of its key pair and the entries of some principals.
pub(super) struct Find;

type Row = (
    i64,
    DocumentRow,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<EntryRow>,
);

impl Gather for Find {
    const NAME: &'static str = "documents";
    const PURPOSE: Purpose = Purpose::GatheredLookups;
    type Request = (Key, Arc<[Principal]>);
    type Answer = Option<Found>;

    fn run(conn: &mut Conn, batch: Vec<Self::Request>) -> BoxFuture<'_, Answers<Self::Answer>> {
        async move {
            let rows: Vec<Row> = Statement::new(&batch).load(conn).await?;
            let mut answers: Vec<_> = batch.iter().map(|_| Ok(None)).collect();
            for row in rows {
                let answer = index(row.0).and_then(|index| answers.get_mut(index));
                if let Some(answer) = answer
                    && let Err(error) = add(answer, row)
                {
                    *answer = Err(error);
                }
            }
            tell_lost(conn, &batch, &mut answers).await?;
            Ok(answers)
        }
        .boxed()
    }
}

/// Where a document or all entries that were asked for are missing, it is looked whether their
/// tables are there: what is out of reach is not said to be none.
async fn tell_lost(
    conn: &mut Conn,
    batch: &[<Find as Gather>::Request],
    answers: &mut [Result<Option<Found>, StoreError>],
) -> QueryResult<()> {
    let (mut suspects, mut copies) = (Vec::new(), Vec::new());
    for (at, ((key, principals), answer)) in batch.iter().zip(&*answers).enumerate() {
        let misses = match answer {
            Ok(Some(found)) => found.entries.is_empty() && !principals.is_empty(),
            Ok(None) => true,
            Err(_) => false,
        };
        if misses && let Some(partition) = partition_of(*key) {
            suspects.push((at, partition));
        } else if misses && is_copy(*key) {
            copies.push(at);
        }
    }
    if !copies.is_empty() && are_copies_lost(conn).await? {
        for at in copies {
            if let Some(answer) = answers.get_mut(at) {
                *answer = Err(lost_copies());
            }
        }
    }
    let partitions = suspects.iter().map(|(_, partition)| *partition).collect();
    let are_lost = lost_among(conn, partitions).await?;
    for (at, partition) in suspects {
        if are_lost.contains(&partition)
            && let Some(answer) = answers.get_mut(at)
        {
            *answer = Err(lost(partition));
        }
    }
    Ok(())
}

/// Takes one row into the answer that it belongs to: a document comes once for each principal.
fn add(answer: &mut Result<Option<Found>, StoreError>, row: Row) -> Result<(), StoreError> {
    let (_, document, scope, algorithm, state, entry) = row;
    let Ok(found) = answer else {
        // It is corrupt, and said so already.
        return Ok(());
    };
    let found = match found {
        Some(found) => found,
        None => {
            let pair = scope
                .zip(algorithm)
                .map(|(scope, algorithm)| WrapColumns { scope, algorithm });
            found.insert(Found {
                document: document.into_document(pair)?,
                entries: Vec::new(),
                key_state: named(&state.unwrap_or_default())?,
            })
        }
    };
    if let Some(entry) = entry {
        found.entries.push(Entry::try_from(entry)?);
    }
    Ok(())
}

/// One element for each request and principal.
#[derive(QueryId, Default)]
pub(super) struct Statement {
    span: Span,
    numbers: Vec<i64>,
    classes: Vec<i16>,
    ids: Vec<SqlUuid>,
    principal_kinds: Vec<Option<&'static str>>,
    principal_ids: Vec<Option<SqlUuid>>,
}

impl Statement {
    pub(super) fn new(batch: &[(Key, Arc<[Principal]>)]) -> Self {
        let mut statement = Self::default();
        for (at, (key, principals)) in batch.iter().enumerate() {
            if principals.is_empty() {
                statement.push(number(at), *key, None);
            }
            for (seen, principal) in principals.iter().enumerate() {
                // Named twice, an entry would be found twice.
                if !principals[..seen].contains(principal) {
                    statement.push(number(at), *key, Some(*principal));
                }
            }
        }
        statement
    }

    fn push(&mut self, number: i64, (class, id): Key, principal: Option<Principal>) {
        self.span.include((class, id));
        self.numbers.push(number);
        self.classes.push(class);
        self.ids.push(id);
        self.principal_kinds
            .push(principal.map(|of| of.kind().as_str()));
        self.principal_ids
            .push(principal.map(|of| SqlUuid(of.id())));
    }
}

impl Query for Statement {
    type SqlType = (
        BigInt,
        documents::SqlType,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<entries::SqlType>,
    );
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT asked.n, \
               d.retention_class, d.id, d.state, d.version, d.owner, d.name, d.content_length, \
               d.content_type, d.compressed, d.format, d.wrap_algorithm, d.key_serial, \
               d.wrapped_key, d.key_commitment, d.object_key, d.size, d.etag, d.version_id, \
               d.created_at, d.expires_at, d.hold, d.key_exposed, d.expires_early, \
               p.scope, p.algorithm, p.state, \
               e.retention_class, e.document_id, e.principal_kind, e.principal_id, e.rights, \
               e.granted_by, e.granted_at, e.expires_at \
             FROM unnest(",
        );
        let mut arrays = Arrays::new(out.reborrow());
        arrays.bind::<BigInt, _>(&self.numbers)?;
        arrays.bind::<SmallInt, _>(&self.classes)?;
        arrays.bind::<Id, _>(&self.ids)?;
        arrays.bind::<Nullable<Text>, _>(&self.principal_kinds)?;
        arrays.bind::<Nullable<Id>, _>(&self.principal_ids)?;
        out.push_sql(
            ") AS asked (n, class, id, kind, principal) \
             CROSS JOIN LATERAL (SELECT * FROM documents \
               WHERE retention_class = asked.class AND id = asked.id AND ",
        );
        self.span.bind(&mut out, "retention_class", "id")?;
        out.push_sql(
            " OFFSET 0) AS d \
             LEFT JOIN LATERAL (SELECT * FROM key_pairs WHERE serial = d.key_serial OFFSET 0) AS p \
               ON true \
             LEFT JOIN LATERAL (SELECT * FROM entries \
               WHERE retention_class = asked.class AND document_id = asked.id \
                 AND principal_kind = asked.kind AND principal_id = asked.principal AND ",
        );
        self.span.bind(&mut out, "retention_class", "document_id")?;
        out.push_sql(" OFFSET 0) AS e ON true");
        Ok(())
    }
}
