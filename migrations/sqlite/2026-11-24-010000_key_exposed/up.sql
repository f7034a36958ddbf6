-- The same as on PostgreSQL.
ALTER TABLE documents ADD COLUMN key_exposed integer NOT NULL DEFAULT 0;
