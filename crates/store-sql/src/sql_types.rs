//! The one SQL type of our own, and operators that diesel knows for one database only.

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::SqlType;
use uuid::Uuid;

/// Ids: `uuid` on PostgreSQL, 16 bytes on SQLite.
#[derive(Clone, Copy, Debug, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(
    postgres_type(oid = 2950, array_oid = 2951),
    sqlite_type(name = "Binary")
)]
pub struct Id;

/// A UUID in a column of type [`Id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Id)]
pub(crate) struct SqlUuid(pub(crate) Uuid);

#[cfg(feature = "postgres")]
mod postgres {
    use diesel::deserialize::{self, FromSql};
    use diesel::pg::{Pg, PgValue};
    use diesel::serialize::{self, IsNull, Output, ToSql};
    use std::io::Write as _;
    use uuid::Uuid;

    use super::{Id, SqlUuid};

    impl ToSql<Id, Pg> for SqlUuid {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            out.write_all(self.0.as_bytes())?;
            Ok(IsNull::No)
        }
    }

    impl FromSql<Id, Pg> for SqlUuid {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            Ok(Self(Uuid::from_slice(value.as_bytes())?))
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use diesel::backend::Backend;
    use diesel::deserialize::{self, FromSql};
    use diesel::serialize::{self, IsNull, Output, ToSql};
    use diesel::sql_types::Binary;
    use diesel::sqlite::Sqlite;
    use uuid::Uuid;

    use super::{Id, SqlUuid};

    impl ToSql<Id, Sqlite> for SqlUuid {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            out.set_value(self.0.as_bytes().as_slice());
            Ok(IsNull::No)
        }
    }

    impl FromSql<Id, Sqlite> for SqlUuid {
        fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
            let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
            Ok(Self(Uuid::from_slice(&bytes)?))
        }
    }
}

/// Operators that both databases have under one name.
pub(crate) mod operators {
    use diesel::expression::{AsExpression, Expression};
    use diesel::sql_types::{Bool, SmallInt, SqlType};

    diesel::infix_operator!(BitOr, " | ", SmallInt);
    diesel::infix_operator!(IsDistinctFrom, " IS DISTINCT FROM ", Bool);

    /// The union of two masks. On both databases it binds closer than a comparison.
    pub(crate) fn bit_or<L, R>(left: L, right: R) -> BitOr<L, R>
    where
        L: Expression<SqlType = SmallInt>,
        R: Expression<SqlType = SmallInt>,
    {
        BitOr::new(left, right)
    }

    /// Whether two values differ, where a null equals a null.
    pub(crate) fn differs<L, R, ST>(left: L, right: R) -> IsDistinctFrom<L, R::Expression>
    where
        L: Expression<SqlType = ST>,
        R: AsExpression<ST>,
        ST: SqlType + diesel::expression::TypedExpressionType,
    {
        IsDistinctFrom::new(left, right.as_expression())
    }
}
