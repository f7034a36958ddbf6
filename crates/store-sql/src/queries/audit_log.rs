use async_trait::async_trait;
use crypt_keeper_domain::model::{AuditEntry, AuditId, Page, PageRequest, PrincipalKind, Record};
use crypt_keeper_domain::ports::{AuditFilter, AuditLog, StoreError};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Database, Store};
use super::accounts::one_more;
use super::{Done, insert_audit};
use crate::error::Failure;
use crate::rows::{AuditRow, sql_time};
use crate::schema::audit;
use crate::sql_types::SqlUuid;

#[async_trait]
impl AuditLog for Store {
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
    ) -> Result<Page<AuditEntry, AuditId>, StoreError> {
        let limit = page.limit;
        let mut query = audit::table
            .order(audit::id.desc())
            .limit(one_more(limit))
            .select(AuditRow::as_select())
            .into_boxed::<Database>();
        if let Some(after) = page.after {
            query = query.filter(audit::id.lt(SqlUuid(after.uuid())));
        }
        if let Some(document) = filter.document {
            query = query.filter(audit::document_id.eq(SqlUuid(document.uuid())));
        }
        if let Some(user) = filter.user {
            let id = SqlUuid(user.uuid());
            let of_user = audit::principal_id
                .eq(id)
                .and(audit::principal_kind.eq(PrincipalKind::User.as_str()));
            query = query.filter(audit::actor_id.eq(id).or(audit::user_id.eq(id)).or(of_user));
        }
        if let Some(action) = filter.action {
            query = query.filter(audit::action.eq(action.as_str()));
        }
        if let Some(since) = filter.since {
            query = query.filter(audit::at.ge(sql_time(since)));
        }
        if let Some(until) = filter.until {
            query = query.filter(audit::at.lt(sql_time(until)));
        }
        self.read(move |conn| {
            async move {
                let entries = query
                    .load(conn)
                    .await?
                    .into_iter()
                    .map(AuditEntry::try_from)
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Page::cut(entries, limit, |entry: &AuditEntry| entry.id))
            }
            .boxed()
        })
        .await
    }

    async fn append_audit(&self, record: &Record) -> Result<(), StoreError> {
        let row = AuditRow::from(&record.audit);
        self.write(move |conn| {
            async move {
                match insert_audit(conn, &row).await {
                    Ok(_) => Ok(Done::Keep(())),
                    Err(error) if Failure::is_unique_violation(&error) => {
                        Err(StoreError::Conflict.into())
                    }
                    Err(error) => Err(error.into()),
                }
            }
            .boxed()
        })
        .await
    }
}
