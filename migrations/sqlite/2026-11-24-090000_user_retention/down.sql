ALTER TABLE users DROP COLUMN retention_class;
