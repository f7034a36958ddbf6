DO $migration$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT conrelid::regclass AS of_table, conname, pg_get_constraintdef(oid) AS words
        FROM pg_constraint
        WHERE conrelid IN ('documents'::regclass, 'entries'::regclass)
            AND conname LIKE '%\_0\_until\_%'
    LOOP
        EXECUTE format('ALTER TABLE %1$s DROP CONSTRAINT %2$I, ADD CONSTRAINT %2$I %3$s NOT VALID',
            one.of_table, one.conname, one.words);
    END LOOP;
END
$migration$;
