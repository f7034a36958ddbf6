# Role master-key-change: seals new master keys by Transit, and opens them: `crypt-keeper master-key
# new` and `master-key rotate`. It can neither make nor change nor delete the Transit key itself, and
# it cannot make one by the way: to encrypt under a key that is not there takes "create".
path "transit/keys/master-key" {
  capabilities = ["read"]
}
path "transit/encrypt/master-key" {
  capabilities = ["update"]
}
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
