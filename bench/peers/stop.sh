#!/bin/sh
# Stop the private cluster, or drop the database "peers" on the server that setup.sh used. PEERS_DIR may be deleted afterwards.
set -eu
dir=${PEERS_DIR:-${TMPDIR:-/tmp}/peers}
if [ -f "$dir/pg/data/postmaster.pid" ]; then
  stop="'${PGBIN:-$(ls -d /usr/lib/postgresql/*/bin | tail -1)}/pg_ctl' -D '$dir/pg/data' -m fast stop"
  if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$stop"; else sh -c "$stop"; fi >/dev/null
elif [ -f "$dir/database_url" ]; then
  psql -q "$(cat "$dir/database_url")" -c "DROP DATABASE IF EXISTS peers"
fi
rm -f "$dir/database_url"
