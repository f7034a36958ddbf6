use crypt_keeper_domain::model::{
    Document, DocumentId, DocumentMetadata, DocumentState, EncryptionFormat, KeyCommitment,
    KeyPair, ObjectKey, RetentionClass, Serial, StoredObject, Timestamp, UserId, WrappedKey,
};
use crypt_keeper_domain::ports::StoreError;

use super::early::early_key;
use super::{
    ID, ITEM, Item, LISTED_BY, Reader, Writer, class_name, document_shard, key, shard_name,
    shard_names,
};

/// The sort key of a document's own item; its entries come after it.
pub(crate) const DOCUMENT: &str = "document";
/// Set on a document that is being removed, entry after entry: it takes no new ones.
pub(crate) const REMOVING: &str = "removing";
/// How many grants there were while a legal hold had begun and was not complete: whoever makes the copy
/// sees by it that the access list has changed.
pub(crate) const GRANTS: &str = "grants";

/// Collections that the documents of one owner are spread over in the index, in each table.
const OWNER_SHARDS: u8 = 8;
/// Collections that all documents of a table are spread over, in order of their ids.
const WALK_SHARDS: u8 = 16;

pub(crate) fn document_key(id: DocumentId) -> Item {
    key(id.to_string(), DOCUMENT)
}

/// The id in a text that was one.
pub(crate) fn document_id(text: &str) -> Result<DocumentId, StoreError> {
    DocumentId::parse(text).map_err(StoreError::corrupt)
}

fn owned_by(owner: UserId, class: RetentionClass) -> String {
    format!("owner#{owner}#{}", class_name(class))
}

/// The collections of the index that hold an owner's documents of a class.
pub(crate) fn owner_shards(owner: UserId, class: RetentionClass) -> Vec<String> {
    shard_names(&owned_by(owner, class), OWNER_SHARDS)
}

fn walk_of(class: RetentionClass) -> String {
    format!("walk#{}", class_name(class))
}

/// The collections that together name every document of a class in a table.
pub(crate) fn walk_shards(class: RetentionClass) -> Vec<String> {
    shard_names(&walk_of(class), WALK_SHARDS)
}

/// What makes a document appear on walks: in the table itself and not in an index, for a walk
/// decides whether a key pair may be destroyed, and an index may lag.
pub(crate) fn walk_item(id: DocumentId) -> Item {
    let shard = document_shard(id, WALK_SHARDS);
    key(shard_name(&walk_of(id.class()), shard), id.to_string())
}

pub(crate) fn document_item(document: &Document) -> Item {
    let metadata = &document.metadata;
    let id = document.id.to_string();
    let shard = document_shard(document.id, OWNER_SHARDS);
    let listed_by = shard_name(&owned_by(document.owner, document.id.class()), shard);
    let item = Writer::default()
        .text(ID, id)
        .text(ITEM, DOCUMENT)
        .text(LISTED_BY, listed_by)
        .text("state", document.state.as_str())
        .number("version", document.version)
        .uuid("owner", document.owner.uuid())
        .text("name", metadata.name())
        .number("content_length", metadata.content_length())
        .text("content_type", metadata.content_type())
        .flag("compressed", metadata.compressed())
        .text("format", metadata.format().as_str())
        .text("object_key", document.object_key.as_str())
        .maybe(document.object.as_ref(), |item, object| {
            let etag = object.etag.as_ref();
            let version = object.version_id.as_ref();
            item.number("size", stored_size(object))
                .maybe(etag, |item, etag| item.text("etag", etag))
                .maybe(version, |item, id| item.text("version_id", id))
        })
        .time("created_at", document.created_at)
        .maybe(document.expires_at, |item, end| {
            item.time("expires_at", end)
        })
        .flag("expires_early", document.expires_early)
        .flag("hold", document.hold)
        .flag("key_exposed", document.key_exposed);
    let mut item = item.done();
    item.extend(wrap_attributes(&document.wrapped_key));
    item
}

/// The attributes that a rewrap replaces.
pub(crate) fn wrap_attributes(wrapped: &WrappedKey) -> Item {
    Writer::default()
        .text("wrap_algorithm", wrapped.algorithm.as_str())
        .number("key_serial", wrapped.serial.as_i64())
        .bytes("wrapped_key", &wrapped.bytes)
        .bytes("key_commitment", wrapped.commitment.as_bytes())
        .done()
}

/// An object's size as it is stored: no object store has one of 8 EiB.
pub(crate) fn stored_size(object: &StoredObject) -> i64 {
    i64::try_from(object.size).unwrap_or(i64::MAX)
}

/// A document's item. Its scope is its key pair's, so the pair has to be read before the document
/// is whole.
#[derive(Clone, Debug)]
pub(crate) struct DocumentItem(pub(crate) Item);

impl DocumentItem {
    fn reader(&self) -> Reader<'_> {
        Reader::new("a document", &self.0)
    }

    pub(crate) fn id(&self) -> Result<DocumentId, StoreError> {
        document_id(self.reader().text(ID)?)
    }

    pub(crate) fn serial(&self) -> Result<Serial, StoreError> {
        self.reader().serial("key_serial")
    }

    pub(crate) fn state(&self) -> Result<DocumentState, StoreError> {
        self.reader().named("state")
    }

    pub(crate) fn version(&self) -> Result<i64, StoreError> {
        self.reader().number("version")
    }

    pub(crate) fn hold(&self) -> Result<bool, StoreError> {
        self.reader().flag("hold")
    }

    /// Whether it is being removed.
    pub(crate) fn is_going(&self) -> bool {
        self.0.contains_key(REMOVING)
    }

    /// The key that it has among the documents that expire early, or would have if no hold kept it;
    /// `None` if it is none of them.
    pub(crate) fn early_key(&self) -> Result<Option<Item>, StoreError> {
        let is_early = self.reader().flag("expires_early")?;
        let end = self.expires_at()?.filter(|_| is_early);
        let id = self.id()?;
        Ok(end.map(|end| early_key(id, end)))
    }

    pub(crate) fn expires_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.reader().maybe_time("expires_at")
    }

    pub(crate) fn key_exposed(&self) -> Result<bool, StoreError> {
        self.reader().flag("key_exposed")
    }

    /// Whether its key is wrapped under a pair, or once was.
    pub(crate) fn was_ever_under(&self, serial: Serial) -> Result<bool, StoreError> {
        let former = self.reader().set_has("former_serials", serial.as_i64())?;
        Ok(former || self.serial()? == serial)
    }

    pub(crate) fn owner(&self) -> Result<UserId, StoreError> {
        self.reader().user_id("owner")
    }

    pub(crate) fn created_at(&self) -> Result<Timestamp, StoreError> {
        self.reader().time("created_at")
    }

    /// Its wrapped key, with the scope of the pair it is wrapped under.
    pub(crate) fn wrapped_key(&self, pair: Option<&KeyPair>) -> Result<WrappedKey, StoreError> {
        let reader = self.reader();
        let algorithm = reader.text("wrap_algorithm")?;
        let serial = self.serial()?;
        let Some(pair) = pair.filter(|pair| pair.algorithm.as_str() == algorithm) else {
            return Err(reader.corrupt(&format!(
                "document {} is wrapped by {algorithm} under key pair {serial}, which the \
                 registry does not have",
                reader.text(ID)?
            )));
        };
        Ok(WrappedKey {
            algorithm: pair.algorithm,
            serial,
            scope: pair.scope.clone(),
            bytes: reader.bytes("wrapped_key")?.to_vec(),
            commitment: KeyCommitment::from_bytes(reader.thirty_two("key_commitment")?),
        })
    }

    /// The whole document.
    pub(crate) fn document(&self, pair: Option<&KeyPair>) -> Result<Document, StoreError> {
        let reader = self.reader();
        let id = self.id()?;
        let format = EncryptionFormat::parse(reader.text("format")?);
        let metadata = DocumentMetadata::new(
            reader.text("name")?,
            reader.number("content_length")?,
            reader.text("content_type")?,
            reader.flag("compressed")?,
            format.map_err(StoreError::corrupt)?,
        )
        .map_err(|_| reader.corrupt(&format!("the metadata of {id} break the rules")))?;
        let object = match reader.maybe_number("size")? {
            Some(size) => Some(StoredObject {
                size: u64::try_from(size)
                    .map_err(|_| reader.corrupt(&format!("the size of {id} is negative")))?,
                etag: reader.maybe_text("etag")?.map(str::to_owned),
                version_id: reader.maybe_text("version_id")?.map(str::to_owned),
            }),
            None => None,
        };
        let object_key = ObjectKey::parse(reader.text("object_key")?);
        Ok(Document {
            id,
            state: self.state()?,
            version: self.version()?,
            owner: reader.user_id("owner")?,
            metadata,
            wrapped_key: self.wrapped_key(pair)?,
            object_key: object_key.map_err(StoreError::corrupt)?,
            object,
            created_at: reader.time("created_at")?,
            expires_at: self.expires_at()?,
            expires_early: reader.flag("expires_early")?,
            hold: self.hold()?,
            key_exposed: self.key_exposed()?,
        })
    }
}
