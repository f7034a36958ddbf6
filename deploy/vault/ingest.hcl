# Role ingest: accepts uploads. It wraps with public halves, which are in the metadata database, and
# needs nothing of Vault. What could open a document is refused even if another policy of the same
# token allows it.
path "secret/data/crypt-keeper/keys/*" {
  capabilities = ["deny"]
}
path "transit/decrypt/crypt-keeper-*" {
  capabilities = ["deny"]
}
path "transit/export/+/crypt-keeper-*" {
  capabilities = ["deny"]
}
path "transit/backup/crypt-keeper-*" {
  capabilities = ["deny"]
}

# Its own token.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}

# What it may do, for `crypt-keeper doctor`.
path "sys/capabilities-self" {
  capabilities = ["update"]
}
