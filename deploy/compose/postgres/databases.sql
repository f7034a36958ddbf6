-- Run once, by psql, when PostgreSQL's volume is new. Two roles, neither a superuser, each with a
-- database that the other cannot enter: metadata and sealed private halves are backed up apart.
\set metadata_password `cat /run/secrets/metadata_password`
\set keys_password `cat /run/secrets/keys_password`

CREATE ROLE crypt_keeper LOGIN PASSWORD :'metadata_password';
CREATE ROLE crypt_keeper_keys LOGIN PASSWORD :'keys_password';

CREATE DATABASE crypt_keeper OWNER crypt_keeper;
CREATE DATABASE crypt_keeper_keys OWNER crypt_keeper_keys;

REVOKE ALL ON DATABASE crypt_keeper FROM PUBLIC;
REVOKE ALL ON DATABASE crypt_keeper_keys FROM PUBLIC;
