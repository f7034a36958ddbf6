# Role rotate: makes key pairs (`crypt-keeper setup`, `crypt-keeper keys rotate`) and tests them, which
# means to unwrap. It can neither overwrite nor destroy one.
# `secret` and `transit` are the mounts that `keys.vault.mount` names; one of the two is in use.

# keys.backend = vault-kv: to create is not to update.
path "secret/data/crypt-keeper/keys/*" {
  capabilities = ["create", "read"]
}

# keys.backend = vault-transit. The glob reaches what lies below a key too: the parameters allowed are
# those of creation, so its `config` cannot be changed. Its `rotate`, which takes none, adds a version
# that nobody uses.
path "transit/keys/crypt-keeper-*" {
  capabilities = ["create", "update", "read"]
  allowed_parameters = {
    "type"                   = ["rsa-3072"]
    "exportable"             = [false]
    "allow_plaintext_backup" = [false]
  }
}
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
