-- Whether a document's key was ever wrapped under a key pair that was found compromised. A constant
-- default: no row is rewritten, and a program that does not know the column inserts as before.
ALTER TABLE documents ADD COLUMN key_exposed boolean NOT NULL DEFAULT false;
