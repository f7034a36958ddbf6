DROP FUNCTION ingest_enter_owners(smallint[], uuid[]);
DROP FUNCTION ingest_lock_key_pairs(bigint[]);
