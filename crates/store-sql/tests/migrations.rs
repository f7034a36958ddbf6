//! The two sets of migrations say the same on both databases.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::collections::{BTreeMap, BTreeSet};

mod support {
    pub(crate) mod scripts;
}

use support::scripts::{names, script};

#[test]
fn both_databases_have_the_same_migrations() {
    assert!(!names("postgres").is_empty());
    assert_eq!(names("postgres"), names("sqlite"));
    assert!(!names("private-keys/postgres").is_empty());
    assert_eq!(names("private-keys/postgres"), names("private-keys/sqlite"));
}

/// The columns of the tables, which both databases must have under the same names.
fn columns(set: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in names(set) {
        // Statements begin at the beginning of a line; what is indented makes partitions.
        let up = format!("\n{}", script(set, &name, "up.sql"));
        for table in up.split("\nCREATE TABLE ").skip(1) {
            let (table, rest) = table.split_once(" (\n").unwrap();
            let (body, _) = rest.split_once("\n)").unwrap();
            let columns = body.lines().map(str::trim);
            let columns = columns.filter(|line| !line.starts_with("PRIMARY KEY"));
            let columns = columns.map(|line| line.split(' ').next().unwrap().to_owned());
            tables.insert(table.to_owned(), columns.collect());
        }
        for change in up.split("\nALTER TABLE ").skip(1) {
            let mut words = change.split_whitespace();
            let table = tables.get_mut(words.next().unwrap()).unwrap();
            assert_eq!(
                words.by_ref().take(2).collect::<Vec<_>>(),
                ["ADD", "COLUMN"]
            );
            table.insert(words.next().unwrap().to_owned());
        }
    }
    tables
}

#[test]
fn both_databases_have_the_same_tables_and_columns() {
    let postgres = columns("postgres");
    assert!(postgres["documents"].contains("key_commitment"));
    assert!(postgres["documents"].contains("key_exposed"));
    assert_eq!(postgres, columns("sqlite"));
    assert_eq!(
        columns("private-keys/postgres"),
        columns("private-keys/sqlite")
    );
}
