DO $migration$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
        WHERE conrelid IN ('documents'::regclass, 'entries'::regclass)
            AND conname LIKE '%\_0\_until\_%'
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.of_table, one.conname);
    END LOOP;
END
$migration$;
