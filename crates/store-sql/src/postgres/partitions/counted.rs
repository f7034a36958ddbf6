//! How many documents a partition holds: counted where its tables are small, else as the planner
//! estimates it from the statistics of VACUUM and ANALYZE. Of one whose tables are lost it is unknown.

use crypt_keeper_domain::model::Partition;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl as _;

use super::super::Conn;
use super::super::queries::partitions as catalogue;
use super::lost;
use crate::error::Failure;
use crate::rows::partition_key;

/// Up to how many bytes a table is counted: less than a tenth of a second.
const COUNTED: i64 = 8 * 1024 * 1024;

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

pub(in super::super) async fn estimate(
    conn: &mut Conn,
    partition: Partition,
) -> Result<Option<u64>, Failure> {
    if !lost::among(conn, [partition].into()).await?.is_empty() {
        return Ok(None);
    }
    let (class, (first, after)) = (partition_key(partition).0, catalogue::ids(partition));
    let from = format!(
        "FROM documents WHERE retention_class = {class} AND id >= '{}' AND id < '{}'",
        first.0, after.0
    );
    let suffix = catalogue::row(conn, partition)
        .await?
        .and_then(|row| row.table_suffix)
        .unwrap_or_default();
    let size: Number =
        diesel::sql_query("SELECT coalesce(pg_relation_size(to_regclass($1)), 0) AS number")
            .bind::<Text, _>(format!("documents_{suffix}"))
            .get_result(conn)
            .await?;
    if size.number <= COUNTED {
        let counted: Number = diesel::sql_query(format!("SELECT count(*) AS number {from}"))
            .get_result(conn)
            .await?;
        return Ok(Some(counted.number.unsigned_abs()));
    }
    let plan: Vec<Line> = diesel::sql_query(format!("EXPLAIN SELECT {from}"))
        .load(conn)
        .await?;
    Ok(plan.as_slice().first().and_then(|top| rows(&top.line)))
}

/// What a line of a plan, such as `Seq Scan on t  (cost=0.00..1.50 rows=50 width=4)`, says of rows.
fn rows(line: &str) -> Option<u64> {
    let (_, behind) = line.rsplit_once(" rows=")?;
    behind.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_read_from_a_plan() {
        let line = "Seq Scan on documents_7_20260301  (cost=0.00..51.50 rows=4711 width=4)";
        assert_eq!(rows(line), Some(4711));
        assert_eq!(rows("Result  (cost=0.00..0.00 rows=0 width=0)"), Some(0));
        assert_eq!(rows("nothing"), None);
    }
}
