use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{
    Document, DocumentId, DocumentMetadata, EncryptionFormat, KeyCommitment, KeyPair, ObjectKey,
    StoredObject, UserId, WrappedKey,
};
use crypt_keeper_domain::ports::StoreError;
use diesel::prelude::*;

use super::place::{Key, Place, is_of_class};
use super::{named, serial, sql_time, thirty_two, timestamp};
use crate::schema::documents;
use crate::sql_types::SqlUuid;

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = documents, treat_none_as_default_value = false)]
pub(crate) struct DocumentRow {
    pub(crate) retention_class: i16,
    pub(crate) id: SqlUuid,
    pub(crate) state: String,
    pub(crate) version: i64,
    pub(crate) owner: SqlUuid,
    pub(crate) name: String,
    pub(crate) content_length: i64,
    pub(crate) content_type: String,
    pub(crate) compressed: bool,
    pub(crate) format: String,
    pub(crate) wrap_algorithm: String,
    pub(crate) key_serial: i64,
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) key_commitment: Vec<u8>,
    pub(crate) object_key: String,
    pub(crate) size: Option<i64>,
    pub(crate) etag: Option<String>,
    pub(crate) version_id: Option<String>,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) expires_at: Option<NaiveDateTime>,
    pub(crate) hold: bool,
    pub(crate) key_exposed: bool,
    pub(crate) expires_early: bool,
}

/// The primary key of a document in its partition.
pub(crate) fn row_key(id: DocumentId) -> Key {
    Place::Partitions.key(id)
}

impl From<&Document> for DocumentRow {
    fn from(document: &Document) -> Self {
        let (retention_class, id) = row_key(document.id);
        let metadata = &document.metadata;
        let wrapped = &document.wrapped_key;
        let object = document.object.as_ref();
        Self {
            retention_class,
            id,
            state: document.state.as_str().to_owned(),
            version: document.version,
            owner: SqlUuid(document.owner.uuid()),
            name: metadata.name().to_owned(),
            content_length: metadata.content_length(),
            content_type: metadata.content_type().to_owned(),
            compressed: metadata.compressed(),
            format: metadata.format().as_str().to_owned(),
            wrap_algorithm: wrapped.algorithm.as_str().to_owned(),
            key_serial: wrapped.serial.as_i64(),
            wrapped_key: wrapped.bytes.clone(),
            key_commitment: wrapped.commitment.as_bytes().to_vec(),
            object_key: document.object_key.as_str().to_owned(),
            size: object.map(stored_size),
            etag: object.and_then(|object| object.etag.clone()),
            version_id: object.and_then(|object| object.version_id.clone()),
            created_at: sql_time(document.created_at),
            expires_at: document.expires_at.map(sql_time),
            hold: document.hold,
            key_exposed: document.key_exposed,
            expires_early: document.expires_early,
        }
    }
}

/// An object's size as a column holds it: no object store has one of 8 EiB.
pub(crate) fn stored_size(object: &StoredObject) -> i64 {
    i64::try_from(object.size).unwrap_or(i64::MAX)
}

/// The columns of the key pair that a document's row names, read with it.
#[derive(Clone, Debug)]
pub(crate) struct WrapColumns {
    pub(crate) scope: String,
    pub(crate) algorithm: String,
}

impl DocumentRow {
    /// The document, with what its key pair says of it. Whatever is wrong with the row, the error
    /// names the document: an operator can leave it out, and look at it.
    pub(crate) fn into_document(self, pair: Option<WrapColumns>) -> Result<Document, StoreError> {
        let id = self.id.0;
        self.read(pair).map_err(|error| match error {
            StoreError::Corrupt(why) => StoreError::corrupt(format!("document {id}: {why}")),
            other => other,
        })
    }

    fn read(self, pair: Option<WrapColumns>) -> Result<Document, StoreError> {
        let id = DocumentId::from_uuid(self.id.0).map_err(StoreError::corrupt)?;
        let corrupt = |what: &str| StoreError::corrupt(what);
        if !is_of_class(self.retention_class, id) {
            return Err(corrupt("its row is in another retention class"));
        }
        let Some(pair) = pair.filter(|pair| pair.algorithm == self.wrap_algorithm) else {
            return Err(corrupt(&format!(
                "it is wrapped by {} under key pair {}, which the registry does not have",
                self.wrap_algorithm, self.key_serial
            )));
        };
        let invalid = |_| corrupt("its metadata breaks the rules");
        let format = EncryptionFormat::parse(&self.format).map_err(StoreError::corrupt)?;
        let object = match self.size {
            Some(size) => Some(StoredObject {
                size: u64::try_from(size).map_err(|_| corrupt("its size is negative"))?,
                etag: self.etag,
                version_id: self.version_id,
            }),
            None => None,
        };
        Ok(Document {
            id,
            state: named(&self.state)?,
            version: self.version,
            owner: UserId::from_uuid(self.owner.0),
            metadata: DocumentMetadata::new(
                &self.name,
                self.content_length,
                &self.content_type,
                self.compressed,
                format,
            )
            .map_err(invalid)?,
            wrapped_key: WrappedKey {
                algorithm: named(&self.wrap_algorithm)?,
                serial: serial(self.key_serial)?,
                scope: named(&pair.scope)?,
                bytes: self.wrapped_key,
                commitment: KeyCommitment::from_bytes(thirty_two(
                    self.key_commitment,
                    "documents.key_commitment",
                )?),
            },
            object_key: ObjectKey::parse(&self.object_key).map_err(StoreError::corrupt)?,
            object,
            created_at: timestamp(self.created_at),
            expires_at: self.expires_at.map(timestamp),
            hold: self.hold,
            expires_early: self.expires_early,
            key_exposed: self.key_exposed,
        })
    }
}

/// What a rewrap needs of a document.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = documents)]
pub(crate) struct WrapRow {
    pub(crate) id: SqlUuid,
    pub(crate) wrap_algorithm: String,
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) key_commitment: Vec<u8>,
}

impl WrapRow {
    /// The wrap, under the pair that its row names.
    pub(crate) fn into_wrap(self, pair: Option<&KeyPair>) -> Result<WrappedKey, StoreError> {
        let id = self.id.0;
        let Some(pair) = pair.filter(|pair| pair.algorithm.as_str() == self.wrap_algorithm) else {
            return Err(StoreError::corrupt(format!(
                "document {id}: it is wrapped by {} under a key pair that the registry does not \
                 have",
                self.wrap_algorithm
            )));
        };
        Ok(WrappedKey {
            algorithm: pair.algorithm,
            serial: pair.serial,
            scope: pair.scope.clone(),
            bytes: self.wrapped_key,
            commitment: KeyCommitment::from_bytes(thirty_two(
                self.key_commitment,
                "documents.key_commitment",
            )?),
        })
    }
}
