use crypt_keeper_domain::model::{DocumentId, Entry, Principal, PrincipalKind, RetentionClass};
use crypt_keeper_domain::ports::StoreError;

use super::document::document_id;
use super::{
    ID, ITEM, Item, LISTED_BY, Reader, Writer, class_name, document_shard, key, shard_name,
    shard_names, uuid_text,
};

/// What the sort keys of all entries of a document begin with.
pub(crate) const ENTRIES: &str = "entry#";
/// Collections that the entries of one principal are spread over in the index, in each table.
const PRINCIPAL_SHARDS: u8 = 8;

fn sort_key(principal: Principal) -> String {
    format!("{ENTRIES}{}", shown(principal))
}

fn shown(principal: Principal) -> String {
    format!("{}#{}", principal.kind(), uuid_text(principal.id()))
}

fn listed_as(principal: Principal, class: RetentionClass) -> String {
    format!("{}#{}", shown(principal), class_name(class))
}

pub(crate) fn entry_key(document: DocumentId, principal: Principal) -> Item {
    key(document.to_string(), sort_key(principal))
}

/// The collections of the index that hold a principal's entries of documents of a class.
pub(crate) fn principal_shards(principal: Principal, class: RetentionClass) -> Vec<String> {
    shard_names(&listed_as(principal, class), PRINCIPAL_SHARDS)
}

pub(crate) fn entry_item(entry: &Entry) -> Item {
    let shard = document_shard(entry.document, PRINCIPAL_SHARDS);
    let listed_as = listed_as(entry.principal, entry.document.class());
    let id = entry.document.to_string();
    Writer::default()
        .text(ID, id)
        .text(ITEM, sort_key(entry.principal))
        .text(LISTED_BY, shard_name(&listed_as, shard))
        .text("principal_kind", entry.principal.kind().as_str())
        .uuid("principal_id", entry.principal.id())
        .number("rights", i64::from(entry.rights.mask()))
        .uuid("granted_by", entry.granted_by.uuid())
        .time("granted_at", entry.granted_at)
        .maybe(entry.expires_at, |item, end| item.time("expires_at", end))
        .done()
}

pub(crate) fn entry(item: &Item) -> Result<Entry, StoreError> {
    let reader = Reader::new("an entry", item);
    let kind: PrincipalKind = reader.named("principal_kind")?;
    Ok(Entry {
        document: document_id(reader.text(ID)?)?,
        principal: Principal::new(kind, reader.uuid("principal_id")?),
        rights: reader.rights("rights")?,
        granted_by: reader.user_id("granted_by")?,
        granted_at: reader.time("granted_at")?,
        expires_at: reader.maybe_time("expires_at")?,
    })
}
