-- Second step: both tables are looked through, which takes as long as reading them takes. The lock
-- is SHARE UPDATE EXCLUSIVE: nobody who reads or writes rows waits for it.
DO $migration$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
        WHERE conrelid IN ('documents'::regclass, 'entries'::regclass)
            AND conname LIKE '%\_0\_until\_%'
        ORDER BY conname
    LOOP
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', one.of_table, one.conname);
    END LOOP;
END
$migration$;
