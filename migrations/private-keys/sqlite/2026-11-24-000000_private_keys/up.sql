-- The sealed private halves of key pairs, by serial. They open with the master key only.
CREATE TABLE private_keys (
    serial integer NOT NULL PRIMARY KEY,
    sealed blob NOT NULL
) STRICT;
