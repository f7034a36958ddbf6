DROP TABLE partitions;
ALTER TABLE audit DROP COLUMN partition;
DROP INDEX documents_expiring_early;
ALTER TABLE documents DROP COLUMN expires_early;
