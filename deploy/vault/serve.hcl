# Role serve: the service, which hands document keys to those who may read. It unwraps; it can neither
# make nor change nor destroy a key pair.
# `secret` and `transit` are the mounts that `keys.vault.mount` names; one of the two is in use.

# keys.backend = vault-kv
path "secret/data/crypt-keeper/keys/*" {
  capabilities = ["read"]
}

# keys.backend = vault-transit
path "transit/decrypt/crypt-keeper-*" {
  capabilities = ["update"]
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
