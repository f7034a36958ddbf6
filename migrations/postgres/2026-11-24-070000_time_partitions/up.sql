-- Third step: `documents` and `entries` become tables partitioned by LIST (retention_class), each
-- class by RANGE of ids, and the tables that are there their first ranges. No row is read or written:
-- the constraints of the steps before prove what ATTACH asks. ACCESS EXCLUSIVE on both tables for the
-- moment that it takes; two seconds at most are waited for whoever uses them.
-- No DEFAULT partition: it would forbid DETACH CONCURRENTLY.
DO $migration$
DECLARE
    suffix text;
    bound text;
    classes text;
    other_classes boolean;
    one record;
    of_class record;
    leaf text;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    -- What is looked for is found by the primary key, however few rows there are.
    PERFORM set_config('enable_seqscan', 'off', true);
    LOCK TABLE documents, entries IN ACCESS EXCLUSIVE MODE;
    SELECT substr(conname, length('documents_') + 1) INTO STRICT suffix FROM pg_constraint
        WHERE conrelid = 'documents'::regclass AND conname LIKE 'documents\_0\_until\_%';
    -- The least id of that day, as `Partition::id_range` has it.
    bound := lpad(to_hex((extract(epoch FROM to_date(right(suffix, 8), 'YYYYMMDD')::timestamp)
        * 1000)::bigint), 12, '0') || repeat('0', 20);
    other_classes := EXISTS (SELECT FROM documents WHERE retention_class > 0)
        OR EXISTS (SELECT FROM entries WHERE retention_class > 0);
    IF other_classes THEN
        CREATE TEMPORARY TABLE other_documents ON COMMIT DROP AS
            SELECT * FROM documents WHERE retention_class > 0;
        CREATE TEMPORARY TABLE other_entries ON COMMIT DROP AS
            SELECT * FROM entries WHERE retention_class > 0;
        DELETE FROM documents WHERE retention_class > 0;
        DELETE FROM entries WHERE retention_class > 0;
    END IF;

    -- The statements of whoever uses the tables now go on with the new ones: they go by the names.
    EXECUTE format('ALTER TABLE documents RENAME TO %I', 'documents_' || suffix);
    EXECUTE format('ALTER INDEX documents_pkey RENAME TO %I', 'documents_' || suffix || '_pkey');
    EXECUTE format('ALTER INDEX documents_by_owner RENAME TO %I',
        'documents_' || suffix || '_by_owner');
    EXECUTE format('ALTER INDEX documents_expiring_early RENAME TO %I',
        'documents_' || suffix || '_expiring_early');
    EXECUTE format('CREATE TABLE documents (LIKE %I INCLUDING DEFAULTS INCLUDING STORAGE,
        PRIMARY KEY (retention_class, id)) PARTITION BY LIST (retention_class)',
        'documents_' || suffix);
    CREATE INDEX documents_by_owner ON documents (owner, retention_class, id);
    CREATE INDEX documents_expiring_early ON documents (expires_at, id) WHERE expires_early;

    EXECUTE format('ALTER TABLE entries RENAME TO %I', 'entries_' || suffix);
    EXECUTE format('ALTER INDEX entries_pkey RENAME TO %I', 'entries_' || suffix || '_pkey');
    EXECUTE format('ALTER INDEX entries_by_principal RENAME TO %I',
        'entries_' || suffix || '_by_principal');
    EXECUTE format('CREATE TABLE entries (LIKE %I INCLUDING DEFAULTS INCLUDING STORAGE,
        PRIMARY KEY (retention_class, document_id, principal_kind, principal_id))
        PARTITION BY LIST (retention_class)', 'entries_' || suffix);
    CREATE INDEX entries_by_principal
        ON entries (principal_id, principal_kind, retention_class, document_id);

    -- The copies that legal holds keep have 256 more than the class of their document: no partition
    -- is theirs.
    SELECT string_agg(class::text, ', ') INTO classes FROM generate_series(256, 511) AS class;
    FOR one IN SELECT * FROM (VALUES ('documents', 'id'), ('entries', 'document_id'))
        AS of_both (parent, key)
    LOOP
        EXECUTE format('CREATE TABLE %1$I PARTITION OF %2$I FOR VALUES IN (0)
            PARTITION BY RANGE (%3$I)', one.parent || '_0', one.parent, one.key);
        EXECUTE format('ALTER TABLE %1$I ATTACH PARTITION %2$I FOR VALUES FROM (MINVALUE) TO (%3$L)',
            one.parent || '_0', one.parent || '_' || suffix, bound);
        EXECUTE format('CREATE TABLE %1$I PARTITION OF %2$I FOR VALUES IN (%3$s)',
            one.parent || '_held', one.parent, classes);
    END LOOP;

    IF other_classes THEN
        FOR of_class IN
            SELECT DISTINCT retention_class, unit,
                date_trunc(unit, timestamp 'epoch' + interval '1 millisecond'
                    * ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint) AS start
            FROM (SELECT retention_class, id, CASE
                    WHEN retention_class <= 63 THEN 'day'
                    WHEN retention_class <= 127 THEN 'week'
                    WHEN retention_class <= 191 THEN 'month'
                    WHEN retention_class <= 254 THEN 'year' END AS unit
                FROM (SELECT retention_class, id FROM other_documents
                    UNION SELECT retention_class, document_id FROM other_entries) AS ids
                WHERE retention_class < 256) AS of_units
        LOOP
            FOR one IN SELECT * FROM (VALUES ('documents', 'id'), ('entries', 'document_id'))
                AS of_both (parent, key)
            LOOP
                leaf := one.parent || '_' || of_class.retention_class;
                IF to_regclass(leaf) IS NULL THEN
                    EXECUTE format('CREATE TABLE %1$I PARTITION OF %2$I FOR VALUES IN (%3$s) %4$s',
                        leaf, one.parent, of_class.retention_class,
                        CASE WHEN of_class.unit IS NOT NULL
                            THEN format('PARTITION BY RANGE (%I)', one.key) ELSE '' END);
                END IF;
                IF of_class.unit IS NOT NULL THEN
                    EXECUTE format('CREATE TABLE %1$I PARTITION OF %2$I FOR VALUES FROM (%3$L) TO (%4$L)',
                        leaf || '_' || to_char(of_class.start, 'YYYYMMDD'), leaf,
                        lpad(to_hex((extract(epoch FROM of_class.start) * 1000)::bigint), 12, '0')
                            || repeat('0', 20),
                        lpad(to_hex((extract(epoch FROM of_class.start
                            + ('1 ' || of_class.unit)::interval) * 1000)::bigint), 12, '0')
                            || repeat('0', 20));
                END IF;
            END LOOP;
        END LOOP;
        INSERT INTO documents SELECT * FROM other_documents;
        INSERT INTO entries SELECT * FROM other_entries;
    END IF;

    -- Whoever was given rights on the tables has them on what bears their names now.
    FOR one IN
        SELECT parent, a.privilege_type || coalesce(' (' || quote_ident(attname) || ')', '') AS rights,
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS further
        FROM (VALUES ('documents'), ('entries')) AS of_both (parent)
        JOIN pg_class c ON c.oid = (parent || '_' || suffix)::regclass
        CROSS JOIN LATERAL (
            SELECT NULL AS attname, (aclexplode(c.relacl)).*
            UNION ALL
            SELECT attname, (aclexplode(attacl)).* FROM pg_attribute
                WHERE attrelid = c.oid AND attnum > 0 AND attacl IS NOT NULL
        ) AS a
        WHERE a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON %I TO %s%s', one.rights, one.parent, one.grantee, one.further);
    END LOOP;
END
$migration$;

-- Looks for each document in its own partition: those outside of the ids that are asked for are left
-- out before they are opened.
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
            first_class CONSTANT smallint := (SELECT min(one) FROM unnest(classes) AS one);
            last_class CONSTANT smallint := (SELECT max(one) FROM unnest(classes) AS one);
            first_id CONSTANT uuid := (SELECT one FROM unnest(ids) AS one ORDER BY one LIMIT 1);
            last_id CONSTANT uuid := (SELECT one FROM unnest(ids) AS one ORDER BY one DESC LIMIT 1);
            entered bigint;
        BEGIN
            RETURN QUERY INSERT INTO %1$s.entries AS e (retention_class, document_id,
                principal_kind, principal_id, rights, granted_by, granted_at, expires_at)
            SELECT d.retention_class, d.id, 'user', d.owner, 63, d.owner, d.created_at, NULL
            FROM unnest(classes, ids) AS asked (class, id)
            CROSS JOIN LATERAL (
                SELECT retention_class, id, owner, created_at FROM %1$s.documents
                WHERE retention_class = asked.class AND id = asked.id
                    AND retention_class BETWEEN first_class AND last_class
                    AND id BETWEEN first_id AND last_id
                    AND xmin = pg_current_xact_id()::xid
                OFFSET 0) AS d
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
