-- Back to one table each: the first one, or a new one if that has gone with its partitions, and into
-- it every row of the others. As long as that takes, nobody else uses the tables.
DO $migration$
DECLARE
    suffix text;
    apart bigint;
    moved bigint := 0;
    one record;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    LOCK TABLE documents, entries IN ACCESS EXCLUSIVE MODE;
    SELECT substr(relname, length('documents_') + 1) INTO suffix
        FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent = 'documents_0'::regclass AND relname LIKE 'documents\_0\_until\_%';
    IF suffix IS NULL THEN
        suffix := '0_until_99991231';
        EXECUTE format('CREATE TABLE %1$I (LIKE documents INCLUDING DEFAULTS,
            CONSTRAINT %2$I PRIMARY KEY (retention_class, id))',
            'documents_' || suffix, 'documents_' || suffix || '_pkey');
        EXECUTE format('CREATE INDEX %2$I ON %1$I (owner, retention_class, id)',
            'documents_' || suffix, 'documents_' || suffix || '_by_owner');
        EXECUTE format('CREATE INDEX %2$I ON %1$I (expires_at, id) WHERE expires_early',
            'documents_' || suffix, 'documents_' || suffix || '_expiring_early');
        EXECUTE format('CREATE TABLE %1$I (LIKE entries INCLUDING DEFAULTS,
            CONSTRAINT %2$I PRIMARY KEY (retention_class, document_id, principal_kind, principal_id))',
            'entries_' || suffix, 'entries_' || suffix || '_pkey');
        EXECUTE format('CREATE INDEX %2$I
            ON %1$I (principal_id, principal_kind, retention_class, document_id)',
            'entries_' || suffix, 'entries_' || suffix || '_by_principal');
        moved := 1;
    ELSE
        EXECUTE format('ALTER TABLE documents_0 DETACH PARTITION %I', 'documents_' || suffix);
        EXECUTE format('ALTER TABLE entries_0 DETACH PARTITION %I', 'entries_' || suffix);
    END IF;

    FOR one IN SELECT * FROM (VALUES ('documents', 'id'), ('entries', 'document_id'))
        AS of_both (parent, key)
    LOOP
        -- What the range does not hold would be refused.
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT IF EXISTS %I',
            one.parent || '_' || suffix, one.parent || '_' || suffix);
        EXECUTE format('INSERT INTO %1$I SELECT * FROM %2$I',
            one.parent || '_' || suffix, one.parent);
        GET DIAGNOSTICS apart = ROW_COUNT;
        moved := moved + apart;
        EXECUTE format('DROP TABLE %I', one.parent);
        EXECUTE format('ALTER TABLE %I RENAME TO %I', one.parent || '_' || suffix, one.parent);
        EXECUTE format('ALTER INDEX %I RENAME TO %I',
            one.parent || '_' || suffix || '_pkey', one.parent || '_pkey');
    END LOOP;
    EXECUTE format('ALTER INDEX %I RENAME TO documents_by_owner',
        'documents_' || suffix || '_by_owner');
    EXECUTE format('ALTER INDEX %I RENAME TO documents_expiring_early',
        'documents_' || suffix || '_expiring_early');
    EXECUTE format('ALTER INDEX %I RENAME TO entries_by_principal',
        'entries_' || suffix || '_by_principal');

    -- The constraints of the steps before, on which no range depends any more.
    FOR one IN SELECT * FROM (VALUES ('documents', 'id'), ('entries', 'document_id'))
        AS of_both (parent, key)
    LOOP
        EXECUTE format('ALTER TABLE %1$I ADD CONSTRAINT %2$I CHECK (%3$s %4$I < %5$L::uuid)',
            one.parent, one.parent || '_' || suffix,
            CASE WHEN moved > 0 THEN 'retention_class <> 0::smallint OR'
                ELSE 'retention_class = 0::smallint AND' END,
            one.key,
            CASE WHEN moved > 0 THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                ELSE lpad(to_hex((extract(epoch FROM to_date(right(suffix, 8), 'YYYYMMDD')::timestamp)
                    * 1000)::bigint), 12, '0') || repeat('0', 20) END);
    END LOOP;
    -- Whoever has rights on the tables from before still has them: they are those of the first ones.
END
$migration$;

-- As it was.
DO $migration$
DECLARE
    home text := quote_ident(current_schema());
BEGIN
    EXECUTE format($definition$
        CREATE OR REPLACE FUNCTION ingest_enter_owners(classes smallint[], ids uuid[])
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
