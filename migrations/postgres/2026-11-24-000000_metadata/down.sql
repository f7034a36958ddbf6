DROP TABLE audit;
DROP TABLE key_pairs;
DROP TABLE api_keys;
DROP TABLE users;
DROP TABLE entries;
DROP TABLE documents;
