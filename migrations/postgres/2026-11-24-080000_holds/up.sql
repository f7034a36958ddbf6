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

-- Whoever may insert documents, as the role of an ingest server may, enters them by way of
-- `documents`, and its rights alone are asked then. A copy may be made by those alone who might insert
-- into the table of the copies by its name.
CREATE FUNCTION guard_held_documents() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NOT pg_catalog.has_table_privilege(TG_RELID, 'INSERT') THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'copies of documents under hold are not for this role to make';
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER guard BEFORE INSERT ON documents_held
    FOR EACH ROW EXECUTE FUNCTION guard_held_documents();
