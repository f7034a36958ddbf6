ALTER TABLE documents DROP COLUMN key_exposed;
