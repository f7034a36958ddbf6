//! What the tables of partitions are called, and what they are to PostgreSQL.

use chrono::NaiveDate;
use crypt_keeper_domain::model::{Partition, RetentionClass};
use diesel::QueryResult;
use diesel::sql_types::{Nullable, Text};
use diesel_async::RunQueryDsl;

use super::super::Conn;

/// One of the two tables that are partitioned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// What it is called; its partitions begin with that.
    pub(super) name: &'static str,
    /// The column of the document's id.
    id: &'static str,
}

/// Both of them.
pub(super) const KINDS: [Kind; 2] = [
    Kind {
        name: "documents",
        id: "id",
    },
    Kind {
        name: "entries",
        id: "document_id",
    },
];

impl Kind {
    /// The table of a suffix.
    pub(super) fn table(self, suffix: &str) -> String {
        format!("{}_{suffix}", self.name)
    }

    /// The table that those of a class are partitions of: `import` has but one, in place of it.
    pub(super) fn parent(self, class: RetentionClass) -> String {
        match class.period() {
            Some(_) => format!("{}_{class}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Makes the table of a class that is partitioned further, bare.
    pub(super) fn make_parent(self, class: RetentionClass) -> String {
        let Self { name, id } = self;
        format!(
            "CREATE TABLE {name}_{class} (LIKE {name} INCLUDING ALL) PARTITION BY RANGE ({id}); \
             ALTER TABLE {name} ATTACH PARTITION {name}_{class} {}",
            bounds_of_class(class)
        )
    }
}

/// The suffix of a partition that has tables of its own.
pub(super) fn own_suffix(partition: Partition) -> String {
    let class = partition.class();
    match class.period() {
        Some(_) => format!("{class}_{}", partition.start().format("%Y%m%d")),
        None => class.to_string(),
    }
}

/// The bounds of a partition's own table, in PostgreSQL's own words.
pub(super) fn bounds(partition: Partition) -> String {
    match partition.id_range() {
        Some((first, after)) => format!("FOR VALUES FROM ('{first}') TO ('{after}')"),
        None => bounds_of_class(partition.class()),
    }
}

pub(super) fn bounds_of_class(class: RetentionClass) -> String {
    format!("FOR VALUES IN ('{class}')")
}

/// What a table is to the one that it should be a partition of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// There is none of that name.
    Absent,
    /// There is one, and it is nobody's partition.
    Alone,
    /// It is its partition, within these bounds.
    Attached(String),
    /// It was its partition: whoever detached it was interrupted.
    Leaving,
    /// It is a partition of another.
    Elsewhere,
}

#[derive(diesel::QueryableByName)]
struct Seen {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    bounds: Option<String>,
}

/// Looks at a table.
pub(super) async fn look(conn: &mut Conn, table: &str, parent: &str) -> QueryResult<Table> {
    let seen: Seen = diesel::sql_query(
        "SELECT CASE \
           WHEN named.oid IS NULL THEN 'absent' \
           WHEN i.inhrelid IS NULL THEN 'alone' \
           WHEN i.inhparent IS DISTINCT FROM to_regclass($2) THEN 'elsewhere' \
           WHEN i.inhdetachpending THEN 'leaving' \
           ELSE 'attached' END AS state, \
           pg_get_expr(c.relpartbound, c.oid) AS bounds \
         FROM (SELECT to_regclass($1) AS oid) AS named \
         LEFT JOIN pg_class c ON c.oid = named.oid \
         LEFT JOIN pg_inherits i ON i.inhrelid = named.oid",
    )
    .bind::<Text, _>(table)
    .bind::<Text, _>(parent)
    .get_result(conn)
    .await?;
    Ok(match seen.state.as_str() {
        "absent" => Table::Absent,
        "alone" => Table::Alone,
        "leaving" => Table::Leaving,
        "attached" => Table::Attached(seen.bounds.unwrap_or_default()),
        _ => Table::Elsewhere,
    })
}

#[derive(diesel::QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The first tables of class 0, made before there were partitions: they hold all that begin before a
/// day, which their names tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FirstTables {
    pub(super) suffix: String,
    pub(super) until: NaiveDate,
}

impl FirstTables {
    const BEGINS: &'static str = "0_until_";

    /// Those of a suffix; `None` if it is that of one partition.
    pub(super) fn of(suffix: &str) -> Option<Self> {
        let until = NaiveDate::parse_from_str(suffix.strip_prefix(Self::BEGINS)?, "%Y%m%d").ok()?;
        Some(Self {
            suffix: suffix.to_owned(),
            until,
        })
    }

    /// Those that are there.
    pub(super) async fn find(conn: &mut Conn) -> QueryResult<Option<Self>> {
        let tables: Vec<Named> = diesel::sql_query(
            "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             WHERE i.inhparent = to_regclass('documents_0') AND NOT i.inhdetachpending",
        )
        .load(conn)
        .await?;
        let mut suffixes = tables
            .iter()
            .filter_map(|table| table.name.strip_prefix("documents_"));
        Ok(suffixes.find_map(Self::of))
    }

    /// Whether they hold a partition.
    pub(super) fn hold(&self, partition: Partition) -> bool {
        partition.class() == RetentionClass::DEFAULT && partition.start() < self.until
    }
}

/// Tables of `parent` that are on their way out of it: never more than one at once.
pub(super) async fn leaving(conn: &mut Conn, parent: &str) -> QueryResult<Vec<String>> {
    let tables: Vec<Named> = diesel::sql_query(
        "SELECT i.inhrelid::regclass::text AS name FROM pg_inherits i \
         WHERE i.inhparent = to_regclass($1) AND i.inhdetachpending",
    )
    .bind::<Text, _>(parent)
    .load(conn)
    .await?;
    Ok(tables.into_iter().map(|table| table.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_named_from_the_partition() {
        let named = |text: &str| {
            let partition: Partition = text.parse().unwrap();
            let suffix = own_suffix(partition);
            KINDS.map(|kind| (kind.table(&suffix), kind.parent(partition.class())))
        };
        let pair = |table: &str, parent: &str| (table.to_owned(), parent.to_owned());
        assert_eq!(
            named("7/20260301"),
            [
                pair("documents_7_20260301", "documents_7"),
                pair("entries_7_20260301", "entries_7")
            ]
        );
        assert_eq!(
            named("255/19700101"),
            [
                pair("documents_255", "documents"),
                pair("entries_255", "entries")
            ]
        );
    }

    #[test]
    fn the_first_tables_hold_what_begins_before_their_day() {
        let first = FirstTables::of("0_until_20261201").unwrap();
        for (text, held) in [
            ("0/19990101", true),
            ("0/20261101", true),
            ("0/20261201", false),
            ("1/20261101", false),
            ("128/20261101", false),
        ] {
            assert_eq!(first.hold(text.parse().unwrap()), held, "{text}");
        }
        for other in [
            "0_20261201",
            "0_until_",
            "0_until_20261301",
            "7_until_20261201",
        ] {
            assert_eq!(FirstTables::of(other), None, "{other}");
        }
    }
}
