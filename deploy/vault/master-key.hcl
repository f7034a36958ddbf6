# Role master-key: opens the master keys of a ring that is sealed by Transit (`keys.backend = sealed`
# with `keys.master_key_transit`): the service, and every command of its operator.
# `transit/master-key` is what `keys.master_key_transit` names.
path "transit/decrypt/master-key" {
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
