-- One table holds all partitions: nothing to do.
SELECT 1;
