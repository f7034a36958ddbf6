//! Binds arrays, one for each column of a batch.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, HasSqlType, SingleValue};

/// A list of placeholders, `$1, $2, ..`, for arrays.
pub(super) struct Arrays<'a, 'b> {
    out: AstPass<'a, 'b, Pg>,
    first: bool,
}

impl<'a, 'b> Arrays<'a, 'b> {
    pub(super) fn new(out: AstPass<'a, 'b, Pg>) -> Self {
        Self { out, first: true }
    }

    /// One more array, of elements of the SQL type `T`.
    pub(super) fn bind<T, U>(&mut self, values: &'b Vec<U>) -> QueryResult<()>
    where
        T: SingleValue + 'static,
        Pg: HasSqlType<Array<T>>,
        Vec<U>: ToSql<Array<T>, Pg>,
    {
        if !self.first {
            self.out.push_sql(", ");
        }
        self.first = false;
        self.out.push_bind_param::<Array<T>, _>(values)
    }
}
