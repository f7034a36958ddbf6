-- Documents and entries: no foreign key refers to `documents`, no column draws from a sequence, and
-- the primary key begins with the retention class, so that these very tables attach later as the
-- first ranges of tables partitioned by LIST (retention_class) and RANGE (id).
-- Moments are UTC, to the microsecond. `retention_class` is a function of the id.

CREATE TABLE documents (
    retention_class smallint NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL,
    version bigint NOT NULL,
    owner uuid NOT NULL,
    name text NOT NULL,
    content_length bigint NOT NULL,
    content_type text NOT NULL,
    compressed boolean NOT NULL,
    format text NOT NULL,
    wrap_algorithm text NOT NULL,
    key_serial bigint NOT NULL,
    wrapped_key bytea NOT NULL,
    key_commitment bytea NOT NULL,
    object_key text NOT NULL,
    size bigint,
    etag text,
    version_id text,
    created_at timestamp NOT NULL,
    expires_at timestamp,
    hold boolean NOT NULL,
    PRIMARY KEY (retention_class, id)
);
-- No index on key_serial: rewrapping and counting walk the table in the order of its key.
CREATE INDEX documents_by_owner ON documents (owner, retention_class, id);

CREATE TABLE entries (
    retention_class smallint NOT NULL,
    document_id uuid NOT NULL,
    principal_kind text NOT NULL,
    principal_id uuid NOT NULL,
    rights smallint NOT NULL,
    granted_by uuid NOT NULL,
    granted_at timestamp NOT NULL,
    expires_at timestamp,
    PRIMARY KEY (retention_class, document_id, principal_kind, principal_id)
);
CREATE INDEX entries_by_principal
    ON entries (principal_id, principal_kind, retention_class, document_id);

-- Names are compared and ordered by their bytes, whatever the database's collation.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    state text NOT NULL,
    created_at timestamp NOT NULL
);

CREATE TABLE api_keys (
    id text COLLATE "C" PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    digest bytea NOT NULL,
    created_at timestamp NOT NULL,
    expires_at timestamp,
    revoked_at timestamp
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE TABLE key_pairs (
    serial bigint PRIMARY KEY,
    scope text NOT NULL,
    algorithm text NOT NULL,
    state text NOT NULL,
    public_half bytea NOT NULL,
    created_at timestamp NOT NULL,
    activated_at timestamp,
    deactivated_at timestamp,
    destroy_at timestamp,
    former_state text,
    destroyed_at timestamp,
    version bigint NOT NULL
);
CREATE UNIQUE INDEX key_pairs_one_active ON key_pairs (scope, algorithm) WHERE state = 'active';

CREATE TABLE audit (
    id uuid PRIMARY KEY,
    at timestamp NOT NULL,
    action text NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    actor_api_key text,
    request_id text NOT NULL,
    address text,
    document_id uuid,
    principal_kind text,
    principal_id uuid,
    rights smallint,
    user_id uuid,
    api_key text,
    key_serial bigint
);
CREATE INDEX audit_by_document ON audit (document_id, id) WHERE document_id IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_by_principal ON audit (principal_id, id) WHERE principal_id IS NOT NULL;
CREATE INDEX audit_by_user ON audit (user_id, id) WHERE user_id IS NOT NULL;
