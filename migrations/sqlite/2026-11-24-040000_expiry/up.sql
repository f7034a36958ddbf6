-- The same as on PostgreSQL, but for the tables of partitions: all are in one, and none has a suffix.
ALTER TABLE documents ADD COLUMN expires_early integer NOT NULL DEFAULT 0;
CREATE INDEX documents_expiring_early ON documents (expires_at, id) WHERE expires_early;

ALTER TABLE audit ADD COLUMN partition text;

CREATE TABLE partitions (
    retention_class integer NOT NULL,
    start text NOT NULL,
    state text NOT NULL,
    lifetime_seconds integer,
    made_at text NOT NULL,
    closed_at text,
    table_suffix text,
    PRIMARY KEY (retention_class, start)
) STRICT, WITHOUT ROWID;
