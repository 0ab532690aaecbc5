# Shared by the service scripts. Source it, do not run it.

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# A port of 127.0.0.1 that nobody listens on. Below the ephemeral range, so that no outgoing connection takes it meanwhile.
free_port() {
  local port _
  for _ in $(seq 200); do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  die "no free port between 20000 and 32000"
}

# wait_port PORT SECONDS: until somebody listens there.
wait_port() {
  local end=$((SECONDS + $2))
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}

# stop_pid PID SECONDS: TERM, wait, then KILL. Only ever the one process.
stop_pid() {
  local end=$((SECONDS + $2))
  kill "$1" 2>/dev/null || return 0
  while kill -0 "$1" 2>/dev/null; do
    if ((SECONDS >= end)); then
      kill -KILL "$1" 2>/dev/null || true
      return 0
    fi
    sleep 0.05
  done
}

# can_reach USER DIR: may this user walk into the folder? (A checkout below a closed home is no place for a server that runs as another user.)
can_reach() { runuser -u "$1" -- test -x "$2" 2>/dev/null; }
