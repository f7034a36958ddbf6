-- The same as on PostgreSQL.
ALTER TABLE users ADD COLUMN retention_class integer;
