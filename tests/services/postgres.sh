#!/usr/bin/env bash
# A private PostgreSQL on 127.0.0.1 for tests. Durable as in production: fsync and synchronous_commit stay on.
#
#   postgres.sh start DIR [PORT]   prints PORT; superuser `postgres`, no password, database `postgres`
#   postgres.sh stop DIR
#
# The server refuses to run as root, so as root it runs as the user `postgres`; else as whoever calls.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

[[ $# -ge 2 ]] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command=$1
dir=$(realpath -m "$2")

newest_bin() {
  local found
  found=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
  [[ -x $found/initdb ]] || found=$(dirname "$(command -v initdb || echo /none/initdb)")
  [[ -x $found/initdb ]] || die "no PostgreSQL server found: run \`make deps\`"
  echo "$found"
}

as_server_user() {
  if [[ $(id -u) == 0 ]]; then
    (cd "$dir" && exec runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

case $command in
  start)
    bin=$(newest_bin)
    port=${3:-$(free_port)}
    mkdir -p "$dir"
    if [[ $(id -u) == 0 ]]; then
      id postgres >/dev/null 2>&1 || useradd --system --no-create-home postgres
      chown postgres "$dir"
      can_reach postgres "$dir" || die "the user \`postgres\` cannot enter $dir: choose a folder outside of closed homes"
    fi
    as_server_user "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 ||
      { cat "$dir/initdb.log" >&2; die "initdb failed"; }
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 300
shared_buffers = 64MB
fsync = on
synchronous_commit = on
max_wal_size = 256MB
deadlock_timeout = 200ms
CONF
    as_server_user "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/server.log" start </dev/null >"$dir/start.log" 2>&1 ||
      { cat "$dir/start.log" "$dir/server.log" >&2; die "PostgreSQL did not start"; }
    echo "$port"
    ;;
  stop)
    [[ -f $dir/data/postmaster.pid ]] || exit 0
    # INT is PostgreSQL's fast stop: connections are closed, the store is left clean.
    pid=$(head -1 "$dir/data/postmaster.pid")
    kill -INT "$pid" 2>/dev/null || exit 0
    for _ in $(seq 200); do
      kill -0 "$pid" 2>/dev/null || exit 0
      sleep 0.05
    done
    say "postgres.sh: $pid does not stop, killing it"
    kill -QUIT "$pid" 2>/dev/null || true
    ;;
  *) die "start or stop" ;;
esac
