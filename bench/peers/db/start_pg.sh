#!/bin/sh
# Start a private PostgreSQL cluster in $PEERS_DIR/pg on port $PGPORT (54330), if it is not running, and print its DATABASE_URL.
# PGBIN is the folder of initdb.
set -eu
dir=${PEERS_DIR:-${TMPDIR:-/tmp}/peers}/pg; port=${PGPORT:-54330}
bin=${PGBIN:-$(ls -d /usr/lib/postgresql/*/bin | tail -1)}
as_owner() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi; }  # PostgreSQL refuses to run as root.
if [ ! -d "$dir/data" ]; then
  mkdir -p "$dir"
  if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
  as_owner "$bin/initdb -D '$dir/data' -A trust -E UTF8 --locale=C.UTF-8 -U bench" >/dev/null
  as_owner "cat >> '$dir/data/postgresql.conf'" <<C
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
timezone = 'UTC'
max_connections = 300
shared_buffers = 512MB
jit = off
checkpoint_timeout = 30min
max_wal_size = 8GB
C
fi
as_owner "$bin/pg_ctl -D '$dir/data' status" >/dev/null || as_owner "$bin/pg_ctl -D '$dir/data' -l '$dir/log' -o '-p $port' -w start" >/dev/null
echo "postgresql://bench@127.0.0.1:$(sed -n 4p "$dir/data/postmaster.pid")/postgres"
