use crypt_keeper_domain::model::{
    ApiKey, ApiKeyDigest, ApiKeyId, RetentionClass, User, UserId, UserName,
};
use crypt_keeper_domain::ports::StoreError;
use sha2::{Digest as _, Sha256};

use super::{ID, ITEM, Item, Reader, Writer, key, shard_name, shard_names};

/// Collections that the names of all users are spread over, in order of their bytes.
const NAME_SHARDS: u8 = 16;
const API_KEY: &str = "api_key";
/// The class of documents for which a user chooses none.
pub(crate) const RETENTION: &str = "retention";

pub(crate) fn user_key(id: UserId) -> Item {
    key(user_collection(id), "user")
}

fn user_collection(id: UserId) -> String {
    format!("user#{id}")
}

/// A user's item; `api_keys_made` counts the API keys that he was ever given, so that of two that
/// are made at once one sees the other.
pub(crate) fn user_item(user: &User) -> Item {
    let mut item = user_key(user.id);
    item.extend(
        Writer::default()
            .uuid("user_id", user.id.uuid())
            .text("name", user.name.as_str())
            .text("state", user.state.as_str())
            .time("created_at", user.created_at)
            .number("api_keys_made", 0)
            .maybe(user.retention, |item, class| {
                item.number(RETENTION, i64::from(class.number()))
            })
            .done(),
    );
    item
}

pub(crate) fn user(item: &Item) -> Result<User, StoreError> {
    let reader = Reader::new("a user", item);
    let name = UserName::parse(reader.text("name")?);
    Ok(User {
        id: reader.user_id("user_id")?,
        name: name.map_err(StoreError::corrupt)?,
        state: reader.named("state")?,
        created_at: reader.time("created_at")?,
        retention: retention(&reader)?,
    })
}

fn retention(user: &Reader<'_>) -> Result<Option<RetentionClass>, StoreError> {
    let Some(number) = user.maybe_number(RETENTION)? else {
        return Ok(None);
    };
    let class = u8::try_from(number).map(RetentionClass::new);
    class
        .map(Some)
        .map_err(|_| user.corrupt(&format!("{number} is no retention class")))
}

/// The collections that hold the names of all users.
pub(crate) fn name_shards() -> Vec<String> {
    shard_names("names", NAME_SHARDS)
}

/// The key of a name: whoever writes it first has it.
pub(crate) fn name_key(name: &UserName) -> Item {
    let digest: [u8; 32] = Sha256::digest(name.as_str().as_bytes()).into();
    key(shard_name("names", digest[0] % NAME_SHARDS), name.as_str())
}

pub(crate) fn name_item(user: &User) -> Item {
    let mut item = name_key(&user.name);
    item.extend(Writer::default().uuid("user_id", user.id.uuid()).done());
    item
}

pub(crate) fn api_key_key(id: ApiKeyId) -> Item {
    key(format!("{API_KEY}#{id}"), API_KEY)
}

pub(crate) fn api_key_item(of: &ApiKey) -> Item {
    let mut item = api_key_key(of.id);
    item.extend(
        Writer::default()
            .text("api_key_id", of.id.as_str())
            .uuid("user_id", of.user.uuid())
            .bytes("digest", of.digest.as_bytes())
            .time("created_at", of.created_at)
            .maybe(of.expires_at, |item, end| item.time("expires_at", end))
            .maybe(of.revoked_at, |item, at| item.time("revoked_at", at))
            .done(),
    );
    item
}

pub(crate) fn api_key(item: &Item) -> Result<ApiKey, StoreError> {
    let reader = Reader::new("an API key", item);
    let id = ApiKeyId::parse(reader.text("api_key_id")?);
    Ok(ApiKey {
        id: id.map_err(StoreError::corrupt)?,
        user: reader.user_id("user_id")?,
        digest: ApiKeyDigest::from_bytes(reader.thirty_two("digest")?),
        created_at: reader.time("created_at")?,
        expires_at: reader.maybe_time("expires_at")?,
        revoked_at: reader.maybe_time("revoked_at")?,
    })
}

/// What names an API key in its user's collection.
pub(crate) fn api_key_reference(of: &ApiKey) -> Item {
    key(user_collection(of.user), format!("{API_KEY}#{}", of.id))
}

/// The collection of a user's references, and what their sort keys begin with.
pub(crate) fn api_key_references(user: UserId) -> (String, String) {
    (user_collection(user), format!("{API_KEY}#"))
}

/// The API key that a reference names.
pub(crate) fn referenced_api_key(item: &Item) -> Result<ApiKeyId, StoreError> {
    let reader = Reader::new("a user's API keys", item);
    let sort = reader.text(ITEM)?;
    let id = sort.strip_prefix("api_key#").unwrap_or_default();
    ApiKeyId::parse(id).map_err(|_| {
        let of = reader.text(ID).unwrap_or_default();
        reader.corrupt(&format!("`{sort}` of `{of}` names no API key"))
    })
}
