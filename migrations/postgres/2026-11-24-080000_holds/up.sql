-- Legal holds. The copies that they keep of documents and entries lie in `documents` and `entries`
-- themselves: their retention class is that of the document and 256 more. So no partition of theirs is
-- ever removed.
CREATE TABLE holds (
    retention_class smallint NOT NULL,
    document_id uuid NOT NULL,
    reason text NOT NULL,
    placed_at timestamp NOT NULL,
    completed_at timestamp,
    PRIMARY KEY (retention_class, document_id)
);
-- What keeps a partition from being emptied: few at any time.
CREATE INDEX holds_incomplete ON holds (retention_class, document_id) WHERE completed_at IS NULL;
