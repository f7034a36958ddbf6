-- The same tables as on PostgreSQL. Ids are the 16 bytes of the UUID, moments UTC text
-- `YYYY-MM-DD HH:MM:SS[.ffffff]` that sorts as it reads, booleans 0 and 1. Text is compared and
-- ordered by its bytes.

CREATE TABLE documents (
    retention_class integer NOT NULL,
    id blob NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    owner blob NOT NULL,
    name text NOT NULL,
    content_length integer NOT NULL,
    content_type text NOT NULL,
    compressed integer NOT NULL,
    format text NOT NULL,
    wrap_algorithm text NOT NULL,
    key_serial integer NOT NULL,
    wrapped_key blob NOT NULL,
    key_commitment blob NOT NULL,
    object_key text NOT NULL,
    size integer,
    etag text,
    version_id text,
    created_at text NOT NULL,
    expires_at text,
    hold integer NOT NULL,
    PRIMARY KEY (retention_class, id)
) STRICT;
-- No index on key_serial: rewrapping and counting walk the table in the order of its key.
CREATE INDEX documents_by_owner ON documents (owner, retention_class, id);

CREATE TABLE entries (
    retention_class integer NOT NULL,
    document_id blob NOT NULL,
    principal_kind text NOT NULL,
    principal_id blob NOT NULL,
    rights integer NOT NULL,
    granted_by blob NOT NULL,
    granted_at text NOT NULL,
    expires_at text,
    PRIMARY KEY (retention_class, document_id, principal_kind, principal_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_principal
    ON entries (principal_id, principal_kind, retention_class, document_id);

CREATE TABLE users (
    id blob NOT NULL PRIMARY KEY,
    name text NOT NULL UNIQUE,
    state text NOT NULL,
    created_at text NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id text NOT NULL PRIMARY KEY,
    user_id blob NOT NULL REFERENCES users (id),
    digest blob NOT NULL,
    created_at text NOT NULL,
    expires_at text,
    revoked_at text
) STRICT;
CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE TABLE key_pairs (
    serial integer NOT NULL PRIMARY KEY,
    scope text NOT NULL,
    algorithm text NOT NULL,
    state text NOT NULL,
    public_half blob NOT NULL,
    created_at text NOT NULL,
    activated_at text,
    deactivated_at text,
    destroy_at text,
    former_state text,
    destroyed_at text,
    version integer NOT NULL
) STRICT;
CREATE UNIQUE INDEX key_pairs_one_active ON key_pairs (scope, algorithm) WHERE state = 'active';

CREATE TABLE audit (
    id blob NOT NULL PRIMARY KEY,
    at text NOT NULL,
    action text NOT NULL,
    actor_kind text NOT NULL,
    actor_id blob,
    actor_api_key text,
    request_id text NOT NULL,
    address text,
    document_id blob,
    principal_kind text,
    principal_id blob,
    rights integer,
    user_id blob,
    api_key text,
    key_serial integer
) STRICT;
CREATE INDEX audit_by_document ON audit (document_id, id) WHERE document_id IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_by_principal ON audit (principal_id, id) WHERE principal_id IS NOT NULL;
CREATE INDEX audit_by_user ON audit (user_id, id) WHERE user_id IS NOT NULL;
