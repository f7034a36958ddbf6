use crypt_keeper_domain::model::{Algorithm, KeyPair, PublicHalf, Scope, Serial};
use crypt_keeper_domain::ports::StoreError;

use super::{ID, Item, Reader, Writer};

/// What the keys of all pairs begin with.
pub(crate) const PAIRS: &str = "pair#";

pub(crate) fn pair_key(serial: Serial) -> Item {
    Writer::default()
        .text(ID, format!("{PAIRS}{serial}"))
        .done()
}

/// The key of what names the active pair of a scope and algorithm: there is one item, so there is
/// one active pair.
pub(crate) fn active_key(scope: &Scope, algorithm: Algorithm) -> Item {
    Writer::default()
        .text(ID, format!("active#{algorithm}#{scope}"))
        .done()
}

pub(crate) fn active_serial(item: &Item) -> Result<Serial, StoreError> {
    Reader::new("an active key pair", item).serial("serial")
}

pub(crate) fn pair_item(pair: &KeyPair) -> Item {
    let mut item = pair_key(pair.serial);
    item.extend(
        Writer::default()
            .number("serial", pair.serial.as_i64())
            .text("scope", pair.scope.to_string())
            .text("algorithm", pair.algorithm.as_str())
            .text("state", pair.state.as_str())
            .bytes("public_half", pair.public_half.as_bytes())
            .time("created_at", pair.created_at)
            .maybe(pair.activated_at, |item, at| item.time("activated_at", at))
            .maybe(pair.deactivated_at, |item, at| {
                item.time("deactivated_at", at)
            })
            .maybe(pair.destroy_at, |item, at| item.time("destroy_at", at))
            .maybe(pair.former_state, |item, state| {
                item.text("former_state", state.as_str())
            })
            .maybe(pair.destroyed_at, |item, at| item.time("destroyed_at", at))
            .number("version", pair.version)
            .done(),
    );
    item
}

pub(crate) fn key_pair(item: &Item) -> Result<KeyPair, StoreError> {
    let reader = Reader::new("a key pair", item);
    Ok(KeyPair {
        serial: reader.serial("serial")?,
        scope: reader.named("scope")?,
        algorithm: reader.named("algorithm")?,
        state: reader.named("state")?,
        public_half: PublicHalf::new(reader.bytes("public_half")?.to_vec()),
        created_at: reader.time("created_at")?,
        activated_at: reader.maybe_time("activated_at")?,
        deactivated_at: reader.maybe_time("deactivated_at")?,
        destroy_at: reader.maybe_time("destroy_at")?,
        former_state: reader.maybe_named("former_state")?,
        destroyed_at: reader.maybe_time("destroyed_at")?,
        version: reader.number("version")?,
    })
}
