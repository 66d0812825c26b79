#!/bin/sh
# valkey-init.sh HOST:PORT…: joins the nodes into one cluster. Where there is one already it does nothing.
# The password is read from a file and handed over by standard input: it is in no environment and on no command line.
set -eu
cli=${VALKEY_CLI:-valkey-cli}
password=${VALKEY_PASSWORD_FILE:-/run/secrets/valkey_password}

ask() { "$cli" --askpass "$@" <"$password"; }
joined() { ask -h "${1%:*}" -p "${1##*:}" cluster info | grep -q '^cluster_state:ok'; }

if joined "$1"; then
	echo "the cluster is there"
	exit 0
fi
ask --cluster create "$@" --cluster-replicas 0 --cluster-yes
tries=60
until joined "$1"; do
	tries=$((tries - 1))
	[ $tries -gt 0 ] || { echo "the nodes do not agree on a cluster" >&2; exit 1; }
	sleep 0.5
done
