-- The sealed private halves of key pairs, by serial. They open with the master key only.
CREATE TABLE private_keys (
    serial bigint PRIMARY KEY,
    sealed bytea NOT NULL
);
