use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::sql_types::SmallInt;
use uuid::Uuid;

use crate::rows::Key;
use crate::sql_types::{Id, SqlUuid};

/// From the least class and id of a batch to the greatest.
///
/// A prepared statement has every partition in its plan. Those outside of the span are left out when
/// it begins, before they are opened; of the rest, each lookup touches one. The span alone must not
/// choose the plan, since it may be all there is: so lookups are subqueries of a key's own, which
/// `OFFSET 0` keeps the planner from taking apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    first_class: i16,
    last_class: i16,
    first: SqlUuid,
    last: SqlUuid,
}

/// Of no keys.
impl Default for Span {
    fn default() -> Self {
        Self {
            first_class: i16::MAX,
            last_class: i16::MIN,
            first: SqlUuid(Uuid::max()),
            last: SqlUuid(Uuid::nil()),
        }
    }
}

impl Span {
    pub(super) fn include(&mut self, (class, id): Key) {
        self.first_class = self.first_class.min(class);
        self.last_class = self.last_class.max(class);
        // PostgreSQL orders them by their bytes, too.
        self.first = SqlUuid(self.first.0.min(id.0));
        self.last = SqlUuid(self.last.0.max(id.0));
    }

    /// `class BETWEEN .. AND .. AND id BETWEEN .. AND ..`.
    pub(super) fn bind<'b>(
        &'b self,
        out: &mut AstPass<'_, 'b, Pg>,
        class: &str,
        id: &str,
    ) -> QueryResult<()> {
        out.push_sql(class);
        out.push_sql(" BETWEEN ");
        out.push_bind_param::<SmallInt, _>(&self.first_class)?;
        out.push_sql(" AND ");
        out.push_bind_param::<SmallInt, _>(&self.last_class)?;
        out.push_sql(" AND ");
        out.push_sql(id);
        out.push_sql(" BETWEEN ");
        out.push_bind_param::<Id, _>(&self.first)?;
        out.push_sql(" AND ");
        out.push_bind_param::<Id, _>(&self.last)
    }
}
