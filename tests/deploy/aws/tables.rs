//! The tables that CloudFormation makes are those that `crypt-keeper setup` would have made.

use std::collections::BTreeMap;

use crypt_keeper_tests::{Blobs, Installation, Metadata, Parts, Stored, Tables};
use serde_json::{Value, json};

use super::evaluation::Site;

/// What tells tables apart that hold the same things.
const SHAPE: [&str; 4] = [
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
];

pub(super) fn of(installation: &Installation) -> Tables {
    match installation.stored() {
        Stored::DynamoDb(tables) => tables,
        Stored::Sql(_) => panic!("its metadata are elsewhere"),
    }
}

/// Makes the tables of storage.yaml, as CloudFormation would; their names.
pub(super) fn make(tables: &Tables) -> Option<Vec<String>> {
    let site = Site::with(&[("storage", "TablePrefix", tables.prefix())])?;
    let mut names = Vec::new();
    for (.., found) in site.all("AWS::DynamoDB::Table") {
        // Properties have the names that CreateTable has; DynamoDB Local has no backups, and a
        // table that is protected would outlive the test.
        let mut create = found["Properties"].clone();
        let properties = create.as_object_mut().unwrap();
        let recovery = properties.remove("PointInTimeRecoverySpecification");
        assert_eq!(
            recovery,
            Some(json!({ "PointInTimeRecoveryEnabled": true }))
        );
        let protection = properties.remove("DeletionProtectionEnabled");
        assert_eq!(protection, Some(json!(true)));
        let _ = tables.call("CreateTable", &create);
        names.push(create["TableName"].as_str().unwrap().to_owned());
    }
    names.sort();
    Some(names)
}

/// The shapes of all tables, by name without the prefix.
fn shapes(tables: &Tables) -> BTreeMap<String, Value> {
    let names = tables.names().into_iter();
    names
        .map(|name| {
            let described = tables.call("DescribeTable", &json!({ "TableName": name }));
            let table = &described["Table"];
            let mut shape = json!({ "Billing": table["BillingModeSummary"]["BillingMode"] });
            for part in SHAPE {
                shape[part] = table[part].clone();
            }
            let attributes = shape["AttributeDefinitions"].as_array_mut().unwrap();
            attributes.sort_by_key(|one| one["AttributeName"].to_string());
            for index in shape["GlobalSecondaryIndexes"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                *index = json!([index["IndexName"], index["KeySchema"], index["Projection"]]);
            }
            let rest = name.strip_prefix(tables.prefix()).unwrap().to_owned();
            (rest, shape)
        })
        .collect()
}

#[test]
fn setup_takes_the_tables_of_cloudformation_for_its_own() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    let mut by_cloudformation = Installation::new(&parts);
    let tables = of(&by_cloudformation);
    let Some(made) = make(&tables) else {
        return;
    };
    by_cloudformation.set_up();
    let mut by_itself = Installation::new(&parts);
    by_itself.set_up();

    let (found, expected) = (shapes(&tables), shapes(&of(&by_itself)));
    let names = |of: &BTreeMap<String, Value>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (name, shape) in &expected {
        assert_eq!(&found[name], shape, "{name}");
    }
    // All that are not of a month were made by the template.
    let mut lasting: Vec<String> = expected
        .keys()
        .filter(|name| !name.starts_with("documents-"))
        .map(|name| format!("{}{name}", tables.prefix()))
        .collect();
    lasting.sort();
    assert_eq!(made, lasting);
    assert!(expected.len() > lasting.len(), "{:?}", names(&expected));
}
