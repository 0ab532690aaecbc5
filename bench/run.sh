#!/usr/bin/env bash
# bench/run.sh b1..b14|probe|all [OPTIONS OF THE SCRIPT]: prepares everything for one benchmark, runs it against a fresh server with an
# empty store, and stops it all. Results: one JSON line each on the screen and in .bench/results.jsonl.
#
#   SERVER_CPUS=0      pins the server to these CPUs (taskset), for figures "on one core"
#   DATABASE=URL       another store than the embedded one
#   PORT=3900          where the server listens
#   PORT_OFFSET=0      added to all ports, for two at once (from two folders)
#   POSTHOUSE=PATH     another binary than target/release/posthouse (which is built first)
#   STUB=PATH          another IMAP stub than target/release/imap-stub (b10)
#   DOVECOT_TLS=no     a mail server without TLS, for memory without it (b3)
#   KEEP=1             leaves the server's folder .bench/run
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
. tests/services/lib.sh

bench=${1:-}
shift || true
case $bench in
  b[1-9] | b1[0-4] | probe) ;;
  all)
    for one in b1 b2 b3 b4 b5 b6 b7 b8 b9 b10 b11 b12 b13 b14; do "$0" $one; done
    exit
    ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

offset=${PORT_OFFSET:-0}
port=${PORT:-$((3900 + offset))}
imap=$((3143 + offset)) imaps=$((3993 + offset)) smtp=$((3025 + offset)) hooks=$((3080 + offset)) stub_port=$((3144 + offset))
for taken in $port $imap $imaps $smtp $hooks $stub_port; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null; then die "port $taken is in use"; fi
done
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
mkdir -p .bench

# --- tools and server
sum=$(sha256sum <bench/requirements.txt)
if [[ ! -x .bench/venv/bin/python || $(cat .bench/venv.stamp 2>/dev/null) != "$sum" ]]; then
  rm -rf .bench/venv
  python3 -m venv .bench/venv
  .bench/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r bench/requirements.txt
  echo "$sum" >.bench/venv.stamp
fi
python=.bench/venv/bin/python
posthouse=${POSTHOUSE:-}
if [[ -z $posthouse ]]; then
  cargo build --release --locked -p posthouse
  posthouse=target/release/posthouse
fi

# --- what runs beside the server, stopped whatever happens
started=()
cleanup() {
  local code=$? pid
  trap - EXIT INT TERM
  for pid in "${started[@]}"; do stop_pid "$pid" 10; done
  tests/services/dovecot.sh stop .bench/dovecot || true
  [[ -n ${KEEP:-} || $code != 0 ]] || rm -rf .bench/run
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

rm -rf .bench/run
mkdir -p .bench/run
pin=()
[[ -z ${SERVER_CPUS:-} ]] || pin=(taskset -c "$SERVER_CPUS")
store=(--data-dir .bench/run/data)
[[ -z ${DATABASE:-} ]] || store=(--database "$DATABASE")
serve=("${pin[@]}" "$posthouse" serve --host 127.0.0.1 --port "$port" "${store[@]}")
# Attachments of more than the limits that a server has by itself.
[[ $bench != b14 ]] || export POSTHOUSE_MAX_BODY_SIZE=100M POSTHOUSE_BODY_BUDGET=100M POSTHOUSE_MAX_SIZE=100M
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
label=posthouse-$revision${SERVER_CPUS:+-cpus$SERVER_CPUS}
common=(--label "$label" --out .bench/results.jsonl)

if [[ $bench == b1 ]]; then
  # A fresh store each time is the slower case: migrations, key file, first token.
  $python bench/b1_coldstart.py --runs 3 --health "http://127.0.0.1:$port/health" --log .bench/run/server.log "${common[@]}" "$@" -- "${serve[@]}"
  exit
fi

if [[ $bench == b10 ]]; then
  stub=${STUB:-}
  if [[ -z $stub ]]; then
    cargo build --release --locked -p posthouse-testkit --bin imap-stub
    stub=target/release/imap-stub
  fi
  "$stub" --listen 127.0.0.1:$stub_port >.bench/run/stub.log 2>&1 </dev/null &
  started+=("$!")
  stub_pid=$!
  wait_port $stub_port 10 || die "the IMAP stub does not start: see .bench/run/stub.log"
fi
tests/services/dovecot.sh start .bench/dovecot $imap $imaps >/dev/null
dovecot=$(cat .bench/dovecot/run/master.pid)

# mailbox NAME ARGS...: made once, kept in .bench/dovecot/mail.
mailbox() {
  [[ -d .bench/dovecot/mail/$1 ]] && return
  say "Making mailbox $1 ..."
  $python bench/mkmail.py "${@:2}"
}
case $bench in
  b2) mailbox u0001 --user u0001 --count 10 ;;
  b3) mailbox u1000 --users u 1 1000 --count 10 ;;
  b4)
    mailbox big10k --user big10k --count 10000
    mailbox big100k --user big100k --count 100000
    ;;
  b13) mailbox w0100 --users w 1 100 --count 100 ;;
  b6 | b12) mailbox read1k --user read1k --count 1000 --big-mb 20 ;;
  b8)
    mailbox big100k --user big100k --count 100000
    # Dovecot's own cache first: the first search by a header opens all 100,000 files.
    for header in subject from; do doveadm -c .bench/dovecot/dovecot.conf search -u big100k mailbox INBOX header $header zzz || true; done
    ;;
esac

$python bench/sinks.py --http 127.0.0.1:$hooks --smtp 127.0.0.1:$smtp >.bench/run/sinks.log 2>&1 &
sinks=$!
started+=("$sinks")
wait_port $hooks 10 || die "the sinks do not start: see .bench/run/sinks.log"

"${serve[@]}" >.bench/run/server.log 2>&1 </dev/null &
server=$!
started+=("$server")
wait_port "$port" 10 || { tail -20 .bench/run/server.log >&2; die "the server does not start"; }
BENCH_TOKEN=$("$posthouse" tokens issue -d bench -s '*' "${store[@]}")
export BENCH_TOKEN

common+=(--base "http://127.0.0.1:$port" --imap 127.0.0.1:$imap --smtp 127.0.0.1:$smtp --sink http://127.0.0.1:$hooks
  --pid "$server" --other-pid "$sinks" --other-pid "$dovecot")
case $bench in
  b2)
    $python bench/reg1.py "${common[@]}" --account u0001 >/dev/null
    $python bench/b2_api.py "${common[@]}" --account u0001 "$@"
    ;;
  b3) $python bench/b3_accounts.py "${common[@]}" --dovecot-pid "$dovecot" --steps 10,100,1000 "$@" ;;
  b4)
    [[ -n ${DATABASE:-} ]] || common+=(--store .bench/run/data/posthouse.db)
    $python bench/b4_sync.py "${common[@]}" "$@"
    ;;
  b5) $python bench/b5_newmail.py "${common[@]}" "$@" ;;
  b6) $python bench/b6_read.py "${common[@]}" "$@" ;;
  b7) $python bench/b7_submit.py "${common[@]}" "$@" ;;
  b8) $python bench/b8_search.py "${common[@]}" "$@" ;;
  b9)
    password=$("$posthouse" password "${store[@]}")
    $python bench/b9_console.py "${common[@]}" --password "$password" "$@"
    ;;
  b10) $python bench/b10_many.py "${common[@]}" --imap 127.0.0.1:$stub_port --other-pid "$stub_pid" "$@" ;;
  b11) $python bench/b11_churn.py "${common[@]}" "$@" ;;
  b12) $python bench/b12_parallel.py "${common[@]}" "$@" ;;
  b14) $python bench/b14_attachments.py "${common[@]}" "$@" ;;
  b13) $python bench/b13_webhooks.py "${common[@]}" --port $((3085 + offset)) "$@" ;;
  probe) $python bench/idleprobe.py "${common[@]}" "$@" ;;
esac
