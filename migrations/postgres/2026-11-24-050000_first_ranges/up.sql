-- First of three steps by which `documents` and `entries` become partitioned tables, the tables that
-- are there being their first ranges: what is true of these is written down. Each step is a
-- transaction of its own, so that no lock is kept longer than its step needs it.
-- Here: ACCESS EXCLUSIVE on both tables for the moment that it takes to enter a constraint that
-- nobody checks yet. Requests wait as long, and two seconds at most for whoever uses the tables.
--
-- The range of class 0 ends with this month, or with that of the greatest id. On the last day of a
-- month it is the next one: there must be time to make the partition behind it. The constraint's
-- name is what the tables will be called.
DO $migration$
DECLARE
    newest timestamp := timezone('UTC', now()) + interval '1 day';
    found uuid;
    end_of_range timestamp;
    suffix text;
    bound text;
    tables CONSTANT text[] := ARRAY['documents', 'entries'];
    keys CONSTANT text[] := ARRAY['id', 'document_id'];
    only_class_0 boolean;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    -- What is looked for is found by the primary key, however few rows there are.
    PERFORM set_config('enable_seqscan', 'off', true);
    LOCK TABLE documents, entries IN ACCESS EXCLUSIVE MODE;
    FOR i IN 1 .. 2 LOOP
        EXECUTE format('SELECT %2$I FROM %1$I WHERE retention_class = 0 ORDER BY %2$I DESC LIMIT 1',
            tables[i], keys[i]) INTO found;
        -- The first 48 bits of an id are the milliseconds since 1970 (RFC 9562, 5.7).
        newest := greatest(newest, timestamp 'epoch' + interval '1 millisecond'
            * ('x' || left(replace(found::text, '-', ''), 12))::bit(48)::bigint);
    END LOOP;
    only_class_0 := NOT EXISTS (SELECT FROM documents WHERE retention_class > 0)
        AND NOT EXISTS (SELECT FROM entries WHERE retention_class > 0);
    end_of_range := date_trunc('month', newest) + interval '1 month';
    suffix := '0_until_' || to_char(end_of_range, 'YYYYMMDD');
    bound := lpad(to_hex((extract(epoch FROM end_of_range) * 1000)::bigint), 12, '0')
        || repeat('0', 20);
    FOR i IN 1 .. 2 LOOP
        -- Rows of other classes, which no released program makes, are moved in the third step; the
        -- table is looked through then once more.
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s %I < %L::uuid) NOT VALID',
            tables[i], tables[i] || '_' || suffix,
            CASE WHEN only_class_0 THEN 'retention_class = 0::smallint AND'
                ELSE 'retention_class <> 0::smallint OR' END,
            keys[i], bound);
    END LOOP;
END
$migration$;
