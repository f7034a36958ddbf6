# Role destroy: erases private halves for good, and does nothing else. It cannot read one.
# `secret` and `transit` are the mounts that `keys.vault.mount` names; one of the two is in use.

# keys.backend = vault-kv: the metadata goes with all versions.
path "secret/metadata/crypt-keeper/keys/*" {
  capabilities = ["delete"]
}

# keys.backend = vault-transit: a key must allow its deletion first, by its `config`. The glob reaches
# what lies below a key: no other parameter is allowed. Its `rotate`, which takes none, adds a version
# that nobody uses.
path "transit/keys/crypt-keeper-*" {
  capabilities = ["create", "update", "delete"]
  allowed_parameters = {
    "deletion_allowed" = [true]
  }
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
