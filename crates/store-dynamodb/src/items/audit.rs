use crypt_keeper_domain::model::{
    Actor, ApiKeyId, AuditEntry, AuditId, MasterKeyId, Principal, PrincipalKind, RequestId,
    Timestamp, UserId,
};
use crypt_keeper_domain::ports::StoreError;

use super::document::document_id;
use super::{ID, ITEM, Item, Reader, Writer, shard_name, shard_names, uuid_text};

/// Collections that the entries of a month are spread over, in order of their ids: every request
/// writes one.
const AUDIT_SHARDS: u8 = 32;

/// The month that an entry lies in, `YYYYMM`, and one of the month's collections: both are
/// functions of its id, so that an id that is taken is found to be.
pub(crate) fn audit_hash(id: AuditId) -> (String, String) {
    let bytes = id.uuid().into_bytes();
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&bytes[..6]);
    let month = month_of(Timestamp::from_millis(u64::from_be_bytes(millis)));
    let shard = shard_name(&month, bytes[15] % AUDIT_SHARDS);
    (month, shard)
}

/// The month of a moment, `YYYYMM`.
pub(crate) fn month_of(at: Timestamp) -> String {
    at.to_datetime().format("%Y%m").to_string()
}

/// The collections of a month.
pub(crate) fn audit_shards(month: &str) -> Vec<String> {
    shard_names(month, AUDIT_SHARDS)
}

pub(crate) fn audit_item(entry: &AuditEntry) -> Item {
    let (actor, actor_key) = match entry.actor {
        Actor::User { id, api_key } => (Some(id), Some(api_key)),
        Actor::Operator | Actor::System => (None, None),
    };
    Writer::default()
        .text(ID, audit_hash(entry.id).1)
        .text(ITEM, uuid_text(entry.id.uuid()))
        .time("at", entry.at)
        .text("action", entry.action.as_str())
        .text("actor_kind", entry.actor.kind())
        .maybe(actor, |item, id| item.uuid("actor_id", id.uuid()))
        .maybe(actor_key, |item, id| {
            item.text("actor_api_key", id.as_str())
        })
        .text("request_id", entry.request_id.as_str())
        .maybe(entry.address.as_ref(), |item, from| {
            item.text("address", from)
        })
        .maybe(entry.document, |item, id| {
            item.uuid("document_id", id.uuid())
        })
        .maybe(entry.principal, |item, of| {
            item.text("principal_kind", of.kind().as_str())
                .uuid("principal_id", of.id())
        })
        .maybe(entry.rights, |item, rights| {
            item.number("rights", i64::from(rights.mask()))
        })
        .maybe(entry.user, |item, id| item.uuid("user_id", id.uuid()))
        .maybe(entry.api_key, |item, id| item.text("api_key", id.as_str()))
        .maybe(entry.serial, |item, serial| {
            item.number("key_serial", serial.as_i64())
        })
        .maybe(entry.master_key, |item, id| {
            item.text("master_key", id.to_string())
        })
        .maybe(entry.partition, |item, partition| {
            item.text("partition", partition.to_string())
        })
        .done()
}

pub(crate) fn audit_entry(item: &Item) -> Result<AuditEntry, StoreError> {
    let reader = Reader::new("the audit log", item);
    let key_id = |name: &str| {
        let text = reader.maybe_text(name)?;
        text.map(|text| ApiKeyId::parse(text).map_err(StoreError::corrupt))
            .transpose()
    };
    let actor_id = reader.maybe_uuid("actor_id")?;
    let actor = match (
        reader.text("actor_kind")?,
        actor_id,
        key_id("actor_api_key")?,
    ) {
        ("user", Some(id), Some(api_key)) => Actor::User {
            id: UserId::from_uuid(id),
            api_key,
        },
        ("operator", None, None) => Actor::Operator,
        ("system", None, None) => Actor::System,
        (kind, ..) => {
            return Err(reader.corrupt(&format!("its actor `{kind}` is not whole, or not known")));
        }
    };
    let kind: Option<PrincipalKind> = reader.maybe_named("principal_kind")?;
    let principal = match (kind, reader.maybe_uuid("principal_id")?) {
        (Some(kind), Some(id)) => Some(Principal::new(kind, id)),
        (None, None) => None,
        _ => return Err(reader.corrupt("a principal without its kind or its id")),
    };
    let master_key = reader.maybe_text("master_key")?.map(|text| {
        let id = MasterKeyId::parse(text);
        id.ok_or_else(|| reader.corrupt("`master_key` is not the id of one"))
    });
    let request_id = RequestId::parse(reader.text("request_id")?);
    let document = reader.maybe_text("document_id")?;
    Ok(AuditEntry {
        id: AuditId::from_uuid(reader.uuid(ITEM)?),
        at: reader.time("at")?,
        action: reader.named("action")?,
        actor,
        request_id: request_id.ok_or_else(|| reader.corrupt("`request_id` is none"))?,
        address: reader.maybe_text("address")?.map(str::to_owned),
        document: document.map(document_id).transpose()?,
        principal,
        rights: reader.maybe_rights("rights")?,
        user: reader.maybe_uuid("user_id")?.map(UserId::from_uuid),
        api_key: key_id("api_key")?,
        serial: reader.maybe_serial("key_serial")?,
        master_key: master_key.transpose()?,
        partition: reader.maybe_named("partition")?,
    })
}
