//! The tables: their names, and what each of them is.

use std::sync::Arc;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableDescription,
};
use crypt_keeper_domain::model::Partition;

use crate::items::{ID, ITEM, LISTED_BY, partition_name};

/// The index of documents by owner and of entries by principal.
pub(crate) const BY_PRINCIPAL: &str = "by_principal";

/// Names of tables, which all begin with one prefix.
#[derive(Clone, Debug)]
pub(crate) struct TableNames {
    prefix: Arc<str>,
}

impl TableNames {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// Schema version, partitions, and the months of the audit log.
    pub(crate) fn catalogue(&self) -> String {
        self.name("catalogue")
    }

    /// Users, their names, their API keys.
    pub(crate) fn accounts(&self) -> String {
        self.name("accounts")
    }

    /// The key registry.
    pub(crate) fn key_pairs(&self) -> String {
        self.name("key-pairs")
    }

    /// The audit log.
    pub(crate) fn audit(&self) -> String {
        self.name("audit")
    }

    /// Legal holds, and the documents and entries that they keep.
    pub(crate) fn held(&self) -> String {
        self.name("held")
    }

    /// Documents and entries of a partition: `<prefix>documents-<class, 3 digits>-<YYYYMMDD>`.
    pub(crate) fn documents(&self, partition: Partition) -> String {
        self.name(&format!("documents-{}", partition_name(partition)))
    }
}

/// What a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A hash key alone.
    Hash,
    /// Hash key and sort key.
    Sorted,
    /// The same, and the index by principal.
    Documents,
}

impl Kind {
    pub(crate) fn attributes(self) -> Result<Vec<AttributeDefinition>, BuildError> {
        let names: &[&str] = match self {
            Self::Hash => &[ID],
            Self::Sorted => &[ID, ITEM],
            Self::Documents => &[ID, ITEM, LISTED_BY],
        };
        let define = |name: &&str| {
            AttributeDefinition::builder()
                .attribute_name(*name)
                .attribute_type(ScalarAttributeType::S)
                .build()
        };
        names.iter().map(define).collect()
    }

    pub(crate) fn keys(self) -> Result<Vec<KeySchemaElement>, BuildError> {
        match self {
            Self::Hash => keys(ID, None),
            Self::Sorted | Self::Documents => keys(ID, Some(ITEM)),
        }
    }

    pub(crate) fn indexes(self) -> Result<Option<Vec<GlobalSecondaryIndex>>, BuildError> {
        if self != Self::Documents {
            return Ok(None);
        }
        let index = GlobalSecondaryIndex::builder()
            .index_name(BY_PRINCIPAL)
            .set_key_schema(Some(keys(LISTED_BY, Some(ID))?))
            // The documents themselves are read from the table, as they are.
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::KeysOnly)
                    .build(),
            )
            .build()?;
        Ok(Some(vec![index]))
    }

    /// In what a table that is there differs from this; `None` if in nothing.
    pub(crate) fn difference(self, table: &TableDescription) -> Result<Option<String>, BuildError> {
        let found = shown_keys(table.key_schema());
        let needed = shown_keys(&self.keys()?);
        if found != needed {
            return Ok(Some(format!("its key is {found}, and {needed} is needed")));
        }
        for needed in self.attributes()? {
            let same = |one: &&AttributeDefinition| one.attribute_name() == needed.attribute_name();
            let found = table.attribute_definitions().iter().find(same);
            if found.is_some_and(|found| found.attribute_type() != &ScalarAttributeType::S) {
                let name = needed.attribute_name();
                return Ok(Some(format!("`{name}` is no string")));
            }
        }
        for needed in self.indexes()?.unwrap_or_default() {
            let name = needed.index_name();
            let mut indexes = table.global_secondary_indexes().iter();
            let found = indexes.find(|index| index.index_name() == Some(name));
            let found = found.map(|index| shown_keys(index.key_schema()));
            let wanted = shown_keys(needed.key_schema());
            if found.as_ref() != Some(&wanted) {
                return Ok(Some(match found {
                    Some(found) => {
                        format!("the key of its index `{name}` is {found}, and {wanted} is needed")
                    }
                    None => format!("it has no index `{name}` on {wanted}"),
                }));
            }
        }
        Ok(None)
    }
}

fn keys(hash: &str, sort: Option<&str>) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    let mut keys = vec![key(hash, KeyType::Hash)?];
    if let Some(sort) = sort {
        keys.push(key(sort, KeyType::Range)?);
    }
    Ok(keys)
}

/// `id (HASH), item (RANGE)`.
fn shown_keys(keys: &[KeySchemaElement]) -> String {
    let shown: Vec<String> = keys
        .iter()
        .map(|key| format!("`{}` ({})", key.attribute_name(), key.key_type().as_str()))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use crypt_keeper_domain::model::{DocumentId, RetentionClass, Timestamp};

    use super::*;

    #[test]
    fn a_document_s_table_is_named_by_its_id_alone() {
        let noon = Timestamp::from_millis(1_772_366_400_000);
        let tables = TableNames::new("crypt-keeper-");
        let id = DocumentId::new(RetentionClass::new(7), noon, [0xff; 10]);
        assert_eq!(
            tables.documents(id.partition()),
            "crypt-keeper-documents-007-20260301"
        );
        let imported = DocumentId::parse("9b2f1e4c-5a3d-4e6f-8a1b-2c3d4e5f6a7b").unwrap();
        assert_eq!(
            tables.documents(imported.partition()),
            "crypt-keeper-documents-255-19700101"
        );
    }
}
