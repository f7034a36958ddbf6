-- The same as on PostgreSQL.
ALTER TABLE audit ADD COLUMN master_key text;
