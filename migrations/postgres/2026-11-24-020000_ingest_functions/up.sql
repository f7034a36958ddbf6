-- What a server of the role `ingest` needs beyond the rights of its database role
-- (deploy/postgres/roles.sql): to lock a key pair takes the right to update it, and to enter an owner
-- takes the right to grant. It gets neither. Each function does one of the two as the owner of the
-- tables, and no more than an upload needs.
-- The names are those of the schema that the migration runs in, whatever a caller's search_path says.
DO $migration$
DECLARE
    home text := quote_ident(current_schema());
BEGIN
    EXECUTE format($definition$
        CREATE FUNCTION ingest_lock_key_pairs(serials bigint[])
        RETURNS TABLE (serial bigint, scope text, algorithm text)
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $body$
            SELECT p.serial, p.scope, p.algorithm FROM %1$s.key_pairs p
            WHERE p.serial = ANY (serials) AND p.state = 'active'
            ORDER BY p.serial FOR SHARE
        $body$
    $definition$, home);

    -- Only of documents that this very transaction has inserted, for their owner, with an owner's
    -- rights: whoever calls this cannot grant anything on what is there already.
    EXECUTE format($definition$
        CREATE FUNCTION ingest_enter_owners(classes smallint[], ids uuid[])
        RETURNS TABLE (entered_class smallint, entered_id uuid)
        LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $body$
        DECLARE
            entered bigint;
        BEGIN
            RETURN QUERY INSERT INTO %1$s.entries AS e (retention_class, document_id,
                principal_kind, principal_id, rights, granted_by, granted_at, expires_at)
            SELECT d.retention_class, d.id, 'user', d.owner, 63, d.owner, d.created_at, NULL
            FROM unnest(classes, ids) AS asked (class, id)
            JOIN %1$s.documents d ON d.retention_class = asked.class AND d.id = asked.id
            WHERE d.xmin = pg_current_xact_id()::xid
            RETURNING e.retention_class, e.document_id;
            GET DIAGNOSTICS entered = ROW_COUNT;
            IF entered <> coalesce(array_length(ids, 1), 0) THEN
                RAISE insufficient_privilege
                    USING MESSAGE = 'an owner is entered with his document, and not later';
            END IF;
        END
        $body$
    $definition$, home);
END
$migration$;

-- Everybody may execute a function that nobody has taken it from.
REVOKE ALL ON FUNCTION ingest_lock_key_pairs(bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION ingest_enter_owners(smallint[], uuid[]) FROM PUBLIC;
