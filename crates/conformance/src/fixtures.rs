//! Values to store: valid, all different, drawn from seeded entropy.

use crypt_keeper_domain::memory::SeededEntropy;
use crypt_keeper_domain::model::{
    Actor, Algorithm, ApiKey, ApiKeyToken, AuditAction, AuditEntry, AuditId, Document, DocumentId,
    DocumentMetadata, DocumentState, EncryptionFormat, Entry, KeyCommitment, KeyPair, KeyState,
    ObjectKey, Principal, PublicHalf, Record, RequestId, RetentionClass, Rights, Scope, Serial,
    Timestamp, User, UserId, UserName, UserState, WrappedKey,
};
use crypt_keeper_domain::ports::EntropyExt;
use crypt_keeper_secret::DocumentKey;

/// The algorithm of key pairs that only a registry sees.
pub const ALGORITHM: Algorithm = Algorithm::RsaOaep256;

/// Makes values.
#[derive(Debug)]
pub struct Fixtures {
    entropy: SeededEntropy,
    at: Timestamp,
}

impl Fixtures {
    /// Fixtures around a moment, which is the seed too.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let micros = now.as_micros();
        Self {
            entropy: SeededEntropy::new(micros.unsigned_abs()),
            // In the past, by microseconds that no store which keeps milliseconds could bring back.
            at: Timestamp::from_micros(micros - micros % 1000 - 543),
        }
    }

    /// The moment that everything is made at.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        self.entropy.bytes().expect("seeded entropy does not fail")
    }

    /// Random bytes of any number.
    #[must_use]
    pub fn many_bytes(&self, count: usize) -> Vec<u8> {
        use crypt_keeper_domain::ports::Entropy;
        let mut bytes = vec![0; count];
        self.entropy
            .fill(&mut bytes)
            .expect("seeded entropy does not fail");
        bytes
    }

    /// A document key.
    #[must_use]
    pub fn document_key(&self) -> DocumentKey {
        DocumentKey::new(Box::new(self.bytes()))
    }

    /// The id of a document, or of none.
    #[must_use]
    pub fn document_id(&self, class: RetentionClass, at: Timestamp) -> DocumentId {
        DocumentId::new(class, at, self.bytes())
    }

    /// The id of a document that was brought over, of version 4, or of none.
    #[must_use]
    pub fn imported_id(&self) -> DocumentId {
        // RFC 9562, 5.4: four bits of version, two of variant, all others random.
        let random = u128::from_be_bytes(self.bytes());
        let id = random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        DocumentId::parse(&format!("{id:032x}")).expect("a UUID of version 4")
    }

    /// The id of a user, or of none.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        UserId::new(self.at, self.bytes())
    }

    /// An active user whose name begins with `name` and is unique.
    #[must_use]
    pub fn user(&self, name: &str) -> User {
        let tail = u64::from_be_bytes(self.bytes());
        let name = UserName::parse(&format!("{name}-{tail:016x}")).expect("a valid name");
        self.user_named(name)
    }

    /// An active user of a name.
    #[must_use]
    pub fn user_named(&self, name: UserName) -> User {
        User {
            id: self.user_id(),
            name,
            state: UserState::Active,
            created_at: self.at,
            retention: None,
        }
    }

    /// A live API key of a user.
    #[must_use]
    pub fn api_key(&self, user: UserId) -> ApiKey {
        let token = ApiKeyToken::generate(&self.entropy).expect("seeded entropy does not fail");
        ApiKey {
            id: token.id(),
            user,
            digest: token.digest(),
            created_at: self.at,
            expires_at: None,
            revoked_at: None,
        }
    }

    /// A serial.
    #[must_use]
    pub fn serial(&self) -> Serial {
        Serial::from_random(self.bytes())
    }

    /// A key pair in any state, as the registry holds it.
    #[must_use]
    pub fn pair(&self, scope: Scope, state: KeyState) -> KeyPair {
        KeyPair {
            serial: self.serial(),
            scope,
            algorithm: ALGORITHM,
            state,
            public_half: PublicHalf::new(self.many_bytes(422)),
            created_at: self.at,
            activated_at: (state != KeyState::PreActive).then_some(self.at),
            deactivated_at: None,
            destroy_at: None,
            former_state: None,
            destroyed_at: None,
            version: 1,
        }
    }

    /// What an uploader says of a document.
    #[must_use]
    pub fn metadata(&self, name: &str) -> DocumentMetadata {
        let format = EncryptionFormat::parse(EncryptionFormat::AES256_GCM_HKDF_1MB);
        let format = format.expect("a valid format");
        DocumentMetadata::new(name, 12_345, "text/plain", false, format).expect("valid metadata")
    }

    /// A pending document of the default class, made now, wrapped under `pair`.
    #[must_use]
    pub fn document(&self, owner: UserId, pair: &KeyPair) -> Document {
        let id = self.document_id(RetentionClass::DEFAULT, self.at);
        self.document_with_id(id, owner, pair)
    }

    /// A pending document of an id.
    #[must_use]
    pub fn document_with_id(&self, id: DocumentId, owner: UserId, pair: &KeyPair) -> Document {
        Document {
            id,
            state: DocumentState::Pending,
            version: 1,
            owner,
            metadata: self.metadata("report.pdf"),
            wrapped_key: WrappedKey {
                algorithm: pair.algorithm,
                serial: pair.serial,
                scope: pair.scope.clone(),
                bytes: self.many_bytes(384),
                commitment: KeyCommitment::from_bytes(self.bytes()),
            },
            object_key: ObjectKey::new(id, self.bytes()),
            object: None,
            created_at: self.at,
            expires_at: None,
            hold: false,
            expires_early: false,
            key_exposed: false,
        }
    }

    /// The entry that a document's owner has.
    #[must_use]
    pub fn owner_entry(&self, document: &Document) -> Entry {
        self.entry(document, document.owner, Rights::OWNER)
    }

    /// An entry for a user, given by the owner.
    #[must_use]
    pub fn entry(&self, document: &Document, user: UserId, rights: Rights) -> Entry {
        Entry {
            document: document.id,
            principal: Principal::User(user),
            rights,
            granted_by: document.owner,
            granted_at: self.at,
            expires_at: None,
        }
    }

    /// A record of an act of the service itself.
    #[must_use]
    pub fn record(&self, action: AuditAction) -> Record {
        let request = RequestId::from_random(self.bytes());
        Record::from(AuditEntry {
            id: AuditId::new(self.at, self.bytes()),
            at: self.at,
            action,
            actor: Actor::System,
            request_id: request,
            address: None,
            document: None,
            principal: None,
            rights: None,
            user: None,
            api_key: None,
            serial: None,
            master_key: None,
            partition: None,
        })
    }

    /// A record of an act on a document.
    #[must_use]
    pub fn record_on(&self, action: AuditAction, document: DocumentId) -> Record {
        let mut record = self.record(action);
        record.audit.document = Some(document);
        record
    }
}
