#!/bin/sh
# Set up a private PostgreSQL cluster (unless DATABASE_URL names a server), the seeded database "peers", and a virtual environment for
# each peer. All state is in PEERS_DIR. A second run seeds the database again and keeps the rest.
set -eu
cd "$(dirname "$0")"
PEERS_DIR=${PEERS_DIR:-${TMPDIR:-/tmp}/peers}; export PEERS_DIR
python=${PYTHON:-python3}

missing=
need() { # a command that succeeds if the requirement is met, and the text of the message if not
  sh -c "$1" >/dev/null 2>&1 || { echo "missing: $2" >&2; missing=1; }
}
need "command -v wrk" "wrk, the load generator (Debian: wrk)"
need "command -v psql" "psql, PostgreSQL's client (Debian: postgresql-client)"
need "$python -c 'import ensurepip, venv, sys; assert sys.version_info >= (3, 11)'" "Python 3.11 or newer with venv (Debian: python3-venv); PYTHON names another interpreter"
[ -n "${DATABASE_URL:-}" ] || need 'ls "${PGBIN:-$(ls -d /usr/lib/postgresql/*/bin | tail -1)}/initdb"' "initdb (Debian: postgresql; PGBIN names its folder), or a server in DATABASE_URL"
[ -z "$missing" ] || exit 1

mkdir -p "$PEERS_DIR/venvs" "$PEERS_DIR/logs"
url=${DATABASE_URL:-$(db/start_pg.sh)}
echo "$url" > "$PEERS_DIR/database_url"
psql -q "$url" -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS peers" -c "CREATE DATABASE peers"
psql -q -v ON_ERROR_STOP=1 -f db/schema.sql -f db/seed.sql "${url%/*}/peers" >/dev/null

for lock in */requirements.lock; do
  venv=$PEERS_DIR/venvs/$(dirname "$lock")
  cmp -s "$lock" "$venv/installed.lock" && continue
  rm -rf "$venv"
  "$python" -m venv "$venv" && "$venv/bin/pip" install -qq -r "$lock" && cp "$lock" "$venv/installed.lock"
done
echo "The peers are ready."
