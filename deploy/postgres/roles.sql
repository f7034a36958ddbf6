-- Rights of the database role that a server of the role `ingest` connects as. Run it once in the
-- metadata database after `crypt-keeper setup`, and again after an upgrade, as the owner of the
-- tables with the right to create roles:
--
--     psql -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql DATABASE
--
-- The role has no password: give it one (\password crypt_keeper_ingest), or a certificate.
--
-- It may look up users, API keys, public halves and the catalogue of partitions, insert documents and
-- audit entries, lock active key pairs, and enter the owner of a document that it has just inserted. It
-- cannot read a document's row, change a key pair, make a partition, grant access, or see anything of
-- the key store.

DO $$
BEGIN
    CREATE ROLE crypt_keeper_ingest LOGIN;
EXCEPTION
    -- The second if two of us do this at once.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

BEGIN;

-- What an earlier version of this file gave, and this one does not.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM crypt_keeper_ingest;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM crypt_keeper_ingest;

GRANT USAGE ON SCHEMA public TO crypt_keeper_ingest;
GRANT SELECT ON users, api_keys, key_pairs, partitions, __diesel_schema_migrations
    TO crypt_keeper_ingest;
GRANT INSERT ON documents, audit TO crypt_keeper_ingest;
-- Whether an id is taken, and nothing else of a document.
GRANT SELECT (retention_class, id) ON documents TO crypt_keeper_ingest;
GRANT EXECUTE ON FUNCTION ingest_lock_key_pairs(bigint[]) TO crypt_keeper_ingest;
GRANT EXECUTE ON FUNCTION ingest_enter_owners(smallint[], uuid[]) TO crypt_keeper_ingest;

COMMIT;
