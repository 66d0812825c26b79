#!/bin/sh
# make-secrets.sh [FOLDER]: makes the secrets of deploy/compose.yaml, in deploy/secrets unless another folder is given.
# What is there stays as it is, so it is safe to run again.
#
# Only you can enter the folder. The files in it can be read by all, because Compose mounts them as they are and each
# container has a user of its own.
set -eu
folder=${1:-$(dirname "$0")/../secrets}
mkdir -p "$folder"
chmod 0700 "$folder"
cd "$folder"

random() { od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { # NAME: writes standard input to the file, unless it is there
	if [ -e "$1" ]; then
		cat >/dev/null
		return
	fi
	cat >"$1.new"
	chmod 0444 "$1.new"
	mv "$1.new" "$1"
}

random | keep cloakroom_secrets
random | keep postgres_password
random | keep valkey_password
# The network "back" has no way out, so that these connections go without TLS.
printf 'postgres://cloakroom:%s@postgres:5432/cloakroom?sslmode=disable' "$(cat postgres_password)" | keep store_url
printf 'valkey://:%s@172.30.85.11:6379,172.30.85.12:6379,172.30.85.13:6379/' "$(cat valkey_password)" | keep store_sessions
printf 'requirepass %s\nmasterauth %s\n' "$(cat valkey_password)" "$(cat valkey_password)" | keep valkey_auth
