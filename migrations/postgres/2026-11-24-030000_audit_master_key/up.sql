-- Which master key an act was about: its id, 16 hexadecimal digits. Only acts on the ring have one.
ALTER TABLE audit ADD COLUMN master_key text;
