#!/bin/sh
# Makes what docker-compose.yml needs and nobody should share: a master key, passwords, credentials, a
# certificate for PostgreSQL. Needs openssl alone. What is there already is kept: run it as often as
# you like.
set -eu

folder=$(cd "$(dirname "$0")" && pwd)
secrets=$folder/secrets
environment=$folder/../../.env

command -v openssl >/dev/null || {
    echo "init.sh: openssl is not on the PATH; install it (apt-get install openssl)" >&2
    exit 1
}

# The containers run as the owner of the secrets; never as root, so root gives them away.
uid=$(id -u)
gid=$(id -g)
if [ "$uid" -eq 0 ]; then
    uid=10001
    gid=10001
fi

umask 077
mkdir -p "$secrets"

# write NAME: stdin becomes that secret, whole or not at all.
write() {
    cat >"$secrets/.$1.unfinished"
    mv "$secrets/.$1.unfinished" "$secrets/$1"
}

missing() {
    [ ! -s "$secrets/$1" ]
}

# A ring with one key: 8 random bytes name it, 32 random bytes are it.
if missing master_key; then
    id=$(openssl rand -hex 8)
    key=$(openssl rand -base64 32)
    printf '%s:%s\n' "$id" "$key" | write master_key
    echo "init.sh: made a master key. Keep a copy of deploy/compose/secrets/master_key apart from the" \
        "backups of the databases: without it no document can be read again." >&2
fi

for name in postgres_password metadata_password keys_password s3_secret_key; do
    if missing "$name"; then openssl rand -hex 32 | write "$name"; fi
done
if missing s3_access_key; then openssl rand -hex 10 | write s3_access_key; fi

# Derived from the above, so made anew each time.
url='postgres://%s:%s@postgres:5432/%s?sslmode=verify-full&sslrootcert=/run/secrets/postgres_ca\n'
# shellcheck disable=SC2059  # the format is the variable above
printf "$url" crypt_keeper "$(cat "$secrets/metadata_password")" crypt_keeper | write metadata_url
# shellcheck disable=SC2059
printf "$url" crypt_keeper_keys "$(cat "$secrets/keys_password")" crypt_keeper_keys | write keys_url
printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
    "$(cat "$secrets/s3_access_key")" "$(cat "$secrets/s3_secret_key")" | write aws_credentials

# A certificate authority that signs one certificate and is forgotten: its key is not kept, so it can
# never sign another. Ten years; delete the three files to have new ones.
if missing postgres_ca || missing postgres_certificate || missing postgres_key; then
    work=$(mktemp -d "$secrets/.tls.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -batch \
        -subj '/CN=Crypt-Keeper compose authority' -addext 'keyUsage=critical,keyCertSign' \
        -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -batch -subj '/CN=postgres' \
        -keyout "$work/server.key" -out "$work/server.csr" 2>/dev/null
    printf 'subjectAltName=DNS:postgres\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' \
        >"$work/extensions"
    openssl x509 -req -in "$work/server.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 3650 \
        -extfile "$work/extensions" -out "$work/server.pem" 2>/dev/null
    mv "$work/ca.pem" "$secrets/postgres_ca"
    mv "$work/server.pem" "$secrets/postgres_certificate"
    mv "$work/server.key" "$secrets/postgres_key"
fi

if [ "$(id -u)" -eq 0 ]; then chown -R "$uid:$gid" "$secrets"; fi

# Compose reads .env beside docker-compose.yml. Other lines of it are yours and stay.
umask 022
{
    if [ -f "$environment" ]; then
        grep -v -e '^CRYPT_KEEPER_UID=' -e '^CRYPT_KEEPER_GID=' "$environment" || :
    fi
    printf 'CRYPT_KEEPER_UID=%s\nCRYPT_KEEPER_GID=%s\n' "$uid" "$gid"
} >"$environment.unfinished"
mv "$environment.unfinished" "$environment"

echo "init.sh: ready; next: docker compose up --build" >&2
