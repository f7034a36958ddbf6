-- A file knows no roles, and the role `ingest` is refused with it: nothing to do.
SELECT 1;
