//! One encoding of every row, for comparison: a field after the other, each after its length, so that
//! no two rows have the same. It is computed anew on both sides and never stored.

use sha2::{Digest as _, Sha256};

use super::copy_report::RowsDigest;
use crate::model::{
    Actor, ApiKey, AuditEntry, Document, Entry, Hold, KeyPair, PartitionEntry, Principal,
    Timestamp, User,
};
use crate::ports::DocumentWithEntries;

/// What the wrap of a document is to a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    /// A part of the row.
    Compared,
    /// Another one on purpose, of the same key: what it commits to is compared.
    Another,
}

/// A row on its way to a digest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Canonical(Vec<u8>);

impl Canonical {
    fn bytes(mut self, value: &[u8]) -> Self {
        self.0.extend((value.len() as u64).to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    fn number(self, value: i64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    fn flag(self, value: bool) -> Self {
        self.bytes(&[u8::from(value)])
    }

    fn time(self, at: Timestamp) -> Self {
        self.number(at.as_micros())
    }

    /// Nothing is not the same as something empty.
    fn maybe<T>(self, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => write(self.flag(true), value),
            None => self.flag(false),
        }
    }

    fn maybe_time(self, at: Option<Timestamp>) -> Self {
        self.maybe(at, Self::time)
    }

    fn principal(self, principal: Principal) -> Self {
        self.text(principal.kind().as_str())
            .bytes(principal.id().as_bytes())
    }

    pub(super) fn pair(pair: &KeyPair) -> Self {
        Self::default()
            .number(pair.serial.as_i64())
            .text(&pair.scope.to_string())
            .text(pair.algorithm.as_str())
            .text(pair.state.as_str())
            .bytes(pair.public_half.as_bytes())
            .time(pair.created_at)
            .maybe_time(pair.activated_at)
            .maybe_time(pair.deactivated_at)
            .maybe_time(pair.destroy_at)
            .maybe(pair.former_state, |row, state| row.text(state.as_str()))
            .maybe_time(pair.destroyed_at)
            .number(pair.version)
    }

    pub(super) fn user(user: &User) -> Self {
        Self::default()
            .bytes(user.id.uuid().as_bytes())
            .text(user.name.as_str())
            .text(user.state.as_str())
            .time(user.created_at)
            .maybe(user.retention, |row, class| row.bytes(&[class.number()]))
    }

    pub(super) fn api_key(key: &ApiKey) -> Self {
        Self::default()
            .text(key.id.as_str())
            .bytes(key.user.uuid().as_bytes())
            .bytes(key.digest.as_bytes())
            .time(key.created_at)
            .maybe_time(key.expires_at)
            .maybe_time(key.revoked_at)
    }

    /// When it was made is left out: a target's setup makes some itself.
    pub(super) fn partition(entry: &PartitionEntry) -> Self {
        let PartitionEntry {
            partition,
            state,
            lifetime,
            made_at: _,
            closed_at,
        } = entry;
        Self::default()
            .text(&partition.to_string())
            .text(state.as_str())
            .maybe(lifetime.limit(), |row, length| {
                row.bytes(&length.as_secs().to_be_bytes())
            })
            .maybe_time(*closed_at)
    }

    pub(super) fn document(whole: &DocumentWithEntries, wrap: Wrap) -> Self {
        let mut entries: Vec<&Entry> = whole.entries.iter().collect();
        entries.sort_by_key(|entry| entry.principal);
        let row = Self::default()
            .document_row(&whole.document, wrap)
            .number(i64::try_from(entries.len()).unwrap_or(i64::MAX));
        entries.into_iter().fold(row, Self::entry)
    }

    fn document_row(self, document: &Document, wrap: Wrap) -> Self {
        let Document {
            id,
            state,
            version,
            owner,
            metadata,
            wrapped_key,
            object_key,
            object,
            created_at,
            expires_at,
            expires_early,
            hold,
            key_exposed,
        } = document;
        let row = self
            .bytes(id.as_bytes())
            .text(state.as_str())
            .number(*version)
            .bytes(owner.uuid().as_bytes())
            .text(metadata.name())
            .number(metadata.content_length())
            .text(metadata.content_type())
            .flag(metadata.compressed())
            .text(metadata.format().as_str())
            .bytes(wrapped_key.commitment.as_bytes())
            .text(object_key.as_str())
            .maybe(object.as_ref(), |row, object| {
                row.bytes(&object.size.to_be_bytes())
                    .maybe(object.etag.as_deref(), Self::text)
                    .maybe(object.version_id.as_deref(), Self::text)
            })
            .time(*created_at)
            .maybe_time(*expires_at)
            .flag(*expires_early)
            .flag(*hold)
            .flag(*key_exposed);
        match wrap {
            Wrap::Another => row.text(&wrapped_key.scope.to_string()),
            Wrap::Compared => row
                .text(&wrapped_key.scope.to_string())
                .text(wrapped_key.algorithm.as_str())
                .number(wrapped_key.serial.as_i64())
                .bytes(&wrapped_key.bytes),
        }
    }

    fn entry(self, entry: &Entry) -> Self {
        self.principal(entry.principal)
            .bytes(&[entry.rights.mask()])
            .bytes(entry.granted_by.uuid().as_bytes())
            .time(entry.granted_at)
            .maybe_time(entry.expires_at)
    }

    pub(super) fn hold(hold: &Hold) -> Self {
        let Hold {
            document,
            reason,
            placed_at,
            completed_at,
        } = hold;
        Self::default()
            .bytes(document.as_bytes())
            .text(reason.as_str())
            .time(*placed_at)
            .maybe_time(*completed_at)
    }

    pub(super) fn audit(entry: &AuditEntry) -> Self {
        let actor = match entry.actor {
            Actor::User { id, api_key } => Some((id, api_key)),
            Actor::Operator | Actor::System => None,
        };
        Self::default()
            .bytes(entry.id.uuid().as_bytes())
            .time(entry.at)
            .text(entry.action.as_str())
            .text(entry.actor.kind())
            .maybe(actor, |row, (id, api_key)| {
                row.bytes(id.uuid().as_bytes()).text(api_key.as_str())
            })
            .text(entry.request_id.as_str())
            .maybe(entry.address.as_deref(), Self::text)
            .maybe(entry.document, |row, id| row.bytes(id.as_bytes()))
            .maybe(entry.principal, Self::principal)
            .maybe(entry.rights, |row, rights| row.bytes(&[rights.mask()]))
            .maybe(entry.user, |row, id| row.bytes(id.uuid().as_bytes()))
            .maybe(entry.api_key, |row, id| row.text(id.as_str()))
            .maybe(entry.serial, |row, serial| row.number(serial.as_i64()))
            .maybe(entry.master_key, |row, id| row.text(&id.to_string()))
            .maybe(entry.partition, |row, of| row.text(&of.to_string()))
    }
}

/// The digest of rows that come in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Digesting(Sha256);

impl Digesting {
    pub(super) fn add(&mut self, row: &Canonical) {
        self.0.update((row.0.len() as u64).to_be_bytes());
        self.0.update(&row.0);
    }

    pub(super) fn finish(self) -> RowsDigest {
        RowsDigest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_runs_into_the_next() {
        let both = |one: &str, other: &str| Canonical::default().text(one).text(other);
        assert_ne!(both("ab", "c"), both("a", "bc"));
        let maybe = |text: Option<&str>| Canonical::default().maybe(text, Canonical::text);
        assert_ne!(maybe(None), maybe(Some("")));
    }

    #[test]
    fn a_digest_knows_the_order_of_its_rows_and_where_they_end() {
        let digest = |rows: &[&str]| {
            let mut digest = Digesting::default();
            for row in rows {
                digest.add(&Canonical::default().text(row));
            }
            digest.finish().to_string()
        };
        assert_eq!(digest(&[]).len(), 64);
        assert_ne!(digest(&["a", "b"]), digest(&["b", "a"]));
        assert_ne!(digest(&["ab"]), digest(&["a", "b"]));
    }
}
