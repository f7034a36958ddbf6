-- The retention class of documents for which a user chooses none; NULL: the configured default.
ALTER TABLE users ADD COLUMN retention_class smallint;
