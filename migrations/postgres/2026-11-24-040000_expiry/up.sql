-- Whether a document expires before its partition does: the sweeper finds those by the moment of
-- their expiry, and no others are in its index. Nothing is so in the rows that are there: the index
-- is made of none.
ALTER TABLE documents ADD COLUMN expires_early boolean NOT NULL DEFAULT false;
CREATE INDEX documents_expiring_early ON documents (expires_at, id) WHERE expires_early;

-- Which partition an act was about, such as 0/20260301.
ALTER TABLE audit ADD COLUMN partition text;

-- The time partitions of documents and entries: retention class and first day of the period. Entries
-- stay for ever. A null lifetime has no limit. What the tables of a partition are called after
-- `documents_` and `entries_` is its suffix; the first tables hold several partitions.
CREATE TABLE partitions (
    retention_class smallint NOT NULL,
    start date NOT NULL,
    state text NOT NULL,
    lifetime_seconds bigint,
    made_at timestamp NOT NULL,
    closed_at timestamp,
    table_suffix text,
    PRIMARY KEY (retention_class, start)
);
