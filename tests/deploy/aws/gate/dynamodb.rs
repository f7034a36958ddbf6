//! What a call of DynamoDB has to be allowed:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>.

use crypt_keeper_tests::http::Answer;
use serde_json::{Value, json};

use super::Call;
use crate::aws::roles::{Request, table};

/// What has to be allowed for a call.
pub(super) fn requests(call: &Call) -> Vec<Request> {
    let operation = call.header("x-amz-target").unwrap();
    let (_, operation) = operation.split_once('.').unwrap();
    of(operation, &serde_json::from_slice(&call.body).unwrap())
}

fn of(operation: &str, body: &Value) -> Vec<Request> {
    let one = |operation: &str, part: &Value, keys: &[&Value]| {
        let mut resource = table(part["TableName"].as_str().unwrap());
        if let Some(index) = part["IndexName"].as_str() {
            resource = format!("{resource}/index/{index}");
        }
        let mut request = Request::new(&format!("dynamodb:{operation}"), &resource);
        let keys = keys.iter().filter_map(|key| key["id"]["S"].as_str());
        request.leading_keys = keys.map(str::to_owned).collect();
        request
    };
    match operation {
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap().iter();
            let each = tables.map(|(name, of)| {
                let keys: Vec<_> = of["Keys"].as_array().unwrap().iter().collect();
                one(operation, &json!({ "TableName": name }), &keys)
            });
            each.collect()
        }
        "TransactWriteItems" => {
            let parts = body["TransactItems"].as_array().unwrap().iter();
            let parts = parts.flat_map(|part| part.as_object().unwrap());
            let each = parts.map(|(kind, part)| {
                let operation = match kind.as_str() {
                    "ConditionCheck" => "ConditionCheckItem".to_owned(),
                    write => format!("{write}Item"),
                };
                one(&operation, part, &[&part["Key"], &part["Item"]])
            });
            each.collect()
        }
        _ => vec![one(operation, body, &[&body["Key"], &body["Item"]])],
    }
}

/// As DynamoDB words it.
pub(super) fn refusal(why: &str) -> Answer {
    let body = json!({
        "__type": "com.amazon.coral.service#AccessDeniedException",
        "Message": why,
    });
    Answer {
        status: 400,
        headers: vec![("content-type".into(), "application/x-amz-json-1.0".into())],
        body: body.to_string().into_bytes(),
    }
}

#[test]
fn a_transaction_needs_what_its_parts_need() {
    let key = |id: &str| json!({ "id": { "S": id }, "item": { "S": "x" } });
    let found = of(
        "TransactWriteItems",
        &json!({ "TransactItems": [
            { "Put": { "TableName": "t", "Item": key("a") } },
            { "ConditionCheck": { "TableName": "u", "Key": key("b") } },
        ] }),
    );
    let shown: Vec<_> = found
        .iter()
        .map(|one| {
            (
                one.action.as_str(),
                one.resource.as_str(),
                &one.leading_keys[..],
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("dynamodb:PutItem", &*table("t"), &["a".to_owned()][..]),
            (
                "dynamodb:ConditionCheckItem",
                &*table("u"),
                &["b".to_owned()]
            ),
        ]
    );
    let query = json!({ "TableName": "t", "IndexName": "i" });
    assert_eq!(
        of("Query", &query),
        [Request::new(
            "dynamodb:Query",
            &format!("{}/index/i", table("t"))
        )]
    );
}
