//! The metadata as they lie in DynamoDB, past the service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crypt_keeper_test_services::DynamoDbAccess;
use serde_json::{Value, json};

use crate::http;

/// The tables of one installation, seen by somebody who may read all of them.
#[derive(Clone, Debug)]
pub struct Tables {
    access: DynamoDbAccess,
    prefix: String,
}

impl Tables {
    /// Under a prefix of their own in this DynamoDB; none is made.
    ///
    /// # Panics
    /// Without entropy.
    pub(crate) fn fresh(access: &DynamoDbAccess) -> Self {
        Self {
            access: access.clone(),
            prefix: access.fresh_prefix().expect("entropy"),
        }
    }

    /// How it is reached.
    #[must_use]
    pub fn access(&self) -> &DynamoDbAccess {
        &self.access
    }

    /// What the names of all of them begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A call of DynamoDB, past the service. DynamoDB Local takes any signature.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    pub fn call(&self, operation: &str, body: &Value) -> Value {
        let host = self.access.endpoint.strip_prefix("http://");
        let address: SocketAddr = host.expect("plain http").parse().expect("an address");
        let target = format!("DynamoDB_20120810.{operation}");
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260301/{}/dynamodb/aws4_request, SignedHeaders=host, \
             Signature=00",
            self.access.access_key, self.access.region
        );
        let headers = [
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("Authorization", authorization.as_str()),
        ];
        let body = body.to_string();
        let answer = http::request(address, "POST", "/", &headers, body.as_bytes());
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        answer.json()
    }

    /// The names of all of them.
    ///
    /// # Panics
    /// If DynamoDB does not answer.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut tables = Vec::new();
        let mut from = self.prefix.clone();
        loop {
            let answer = self.call("ListTables", &json!({ "ExclusiveStartTableName": from }));
            let names = answer["TableNames"].as_array().into_iter().flatten();
            let names = names.filter_map(|name| name.as_str().map(str::to_owned));
            tables.extend(names.filter(|name| name.starts_with(&self.prefix)));
            match answer["LastEvaluatedTableName"].as_str() {
                Some(last) if last.starts_with(&self.prefix) => last.clone_into(&mut from),
                _ => return tables,
            }
        }
    }

    /// Everything in the tables whose names, without the prefix, begin like this.
    ///
    /// # Panics
    /// If DynamoDB does not answer.
    #[must_use]
    pub fn items(&self, table: &str) -> Vec<Value> {
        let wanted = format!("{}{table}", self.prefix);
        let mut items = Vec::new();
        for name in self.names() {
            if !name.starts_with(&wanted) {
                continue;
            }
            let mut scan = json!({ "TableName": name, "ConsistentRead": true });
            loop {
                let mut answer = self.call("Scan", &scan);
                items.append(answer["Items"].as_array_mut().expect("items"));
                let last = answer["LastEvaluatedKey"].take();
                if last.is_null() {
                    break;
                }
                scan["ExclusiveStartKey"] = last;
            }
        }
        items
    }

    /// Which half states are found: none, in sound tables. An act leaves all of its items, or none.
    ///
    /// # Panics
    /// If DynamoDB does not answer.
    #[must_use]
    pub fn half_states(&self) -> Vec<String> {
        let (mut owners, mut entries) = (BTreeMap::new(), BTreeSet::new());
        let mut walked = BTreeSet::new();
        for item in self.items("documents-") {
            let (id, sort) = (text(&item, "id"), text(&item, "item"));
            if sort == "document" {
                owners.insert(id, text(&item, "owner"));
            } else if id.starts_with("walk#") {
                walked.insert(sort);
            } else {
                entries.insert((id, text(&item, "principal_id")));
            }
        }
        let (mut created, mut granted) = (BTreeMap::new(), BTreeSet::new());
        for item in self.items("audit") {
            match text(&item, "action").as_str() {
                "document.created" => *created.entry(text(&item, "document_id")).or_insert(0) += 1,
                "entry.granted" => {
                    granted.insert((text(&item, "document_id"), text(&item, "principal_id")));
                }
                _ => {}
            }
        }
        let mut wrong = Vec::new();
        for (id, owner) in &owners {
            if !entries.contains(&(id.clone(), owner.clone())) {
                wrong.push(format!("{id} lacks its owner's entry"));
            }
            if !walked.contains(id) {
                wrong.push(format!("{id} is met by no walk"));
            }
            if created.get(id) != Some(&1) {
                wrong.push(format!("{id} was created {:?} times", created.get(id)));
            }
        }
        let documents: BTreeSet<&String> = owners.keys().collect();
        let others = created.keys().chain(&walked);
        wrong.extend(
            others
                .filter(|id| !documents.contains(id))
                .map(|id| format!("{id} is spoken of, and is not there")),
        );
        for (id, principal) in &entries {
            match owners.get(id) {
                None => wrong.push(format!("an entry of {id}, which is not there")),
                Some(owner) if owner == principal => {}
                Some(_) if granted.contains(&(id.clone(), principal.clone())) => {}
                Some(_) => wrong.push(format!("{id} was shared, and nobody wrote it down")),
            }
        }
        wrong.extend(
            granted
                .difference(&entries)
                .map(|(id, _)| format!("{id} was written down as shared, and is not")),
        );
        wrong
    }

    /// Deletes them all, as far as DynamoDB lets itself be asked: what goes wrong at the end of a
    /// test is not what the test is about.
    pub(crate) fn delete(&self) {
        let deleted = std::panic::catch_unwind(|| {
            for table in self.names() {
                let _ = self.call("DeleteTable", &json!({ "TableName": table }));
            }
        });
        drop(deleted);
    }
}

fn text(item: &Value, name: &str) -> String {
    item[name]["S"].as_str().unwrap_or_default().to_owned()
}
