ALTER TABLE audit DROP COLUMN master_key;
