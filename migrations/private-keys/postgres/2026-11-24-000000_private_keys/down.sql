DROP TABLE private_keys;
