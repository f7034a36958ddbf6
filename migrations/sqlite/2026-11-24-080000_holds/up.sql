-- The same as on PostgreSQL.
CREATE TABLE holds (
    retention_class integer NOT NULL,
    document_id blob NOT NULL,
    reason text NOT NULL,
    placed_at text NOT NULL,
    completed_at text,
    PRIMARY KEY (retention_class, document_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_incomplete ON holds (retention_class, document_id) WHERE completed_at IS NULL;
