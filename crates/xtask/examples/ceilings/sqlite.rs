//! Statements on a SQLite file.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Result, print};

pub(crate) fn execute(file: &str, statements: &[&str]) -> Result<()> {
    let mut conn = open(file)?;
    for statement in statements {
        conn.batch_execute(statement)
            .map_err(|error| format!("{error}: {statement}"))?;
    }
    Ok(())
}

pub(crate) fn lines(file: &str, query: &str) -> Result<()> {
    let rows: Vec<Line> = diesel::sql_query(query).load(&mut open(file)?)?;
    rows.iter().try_for_each(|row| print(&row.line))
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn open(file: &str) -> Result<SqliteConnection> {
    let mut conn = SqliteConnection::establish(file)?;
    conn.batch_execute("PRAGMA busy_timeout = 5000")?;
    Ok(conn)
}
