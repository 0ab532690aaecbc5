#!/usr/bin/env bash
# Starts a Dovecot and a PostgreSQL on private ports, runs `cargo test` against them with the arguments given (default: the whole
# workspace), stops both whatever happens, and exits as the tests did. `KEEP=1` leaves the folder with logs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
. "$here/services/lib.sh"

mkdir -p "$root/.tests"
work=$(mktemp -d "$root/.tests/run.XXXXXX")
chmod 755 "$work"
# The servers run as other users than root: a checkout below a closed home is out of their reach.
if [[ $(id -u) == 0 ]] && ! { can_reach mail "$work" && can_reach postgres "$work"; }; then
  rmdir "$work"
  work=$(mktemp -d "${TMPDIR:-/tmp}/posthouse-tests.XXXXXX")
  chmod 755 "$work"
fi

cleanup() {
  local code=$?
  trap - EXIT INT TERM
  "$here/services/dovecot.sh" stop "$work/dovecot" || true
  "$here/services/postgres.sh" stop "$work/postgres" || true
  if [[ $code == 0 && -z ${KEEP:-} ]]; then
    rm -rf "$work"
  else
    say "Logs of the servers and of what the tests started: $work"
  fi
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

read -r imap imaps < <("$here/services/dovecot.sh" start "$work/dovecot") || die "Dovecot did not start"
postgres=$("$here/services/postgres.sh" start "$work/postgres")
mkdir -p "$work/posthouse"
export POSTHOUSE_TEST_IMAP=127.0.0.1:$imap
export POSTHOUSE_TEST_IMAPS=127.0.0.1:$imaps
export POSTHOUSE_TEST_IMAP_CERT=$work/dovecot/cert.pem
export POSTHOUSE_TEST_DOVECOT_CONF=$work/dovecot/dovecot.conf
export POSTHOUSE_TEST_POSTGRES=postgres://postgres@127.0.0.1:$postgres/postgres
export POSTHOUSE_TEST_DIR=$work/posthouse
say "Dovecot on 127.0.0.1:$imap (TLS $imaps), PostgreSQL on 127.0.0.1:$postgres"

cd "$root"
if [[ -x .tests/venv/bin/python ]]; then
  PATH=$root/.tests/venv/bin:$PATH
fi
[[ $# -gt 0 ]] || set -- --workspace
[[ -t 1 ]] && export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always}
log=$work/cargo-test.log
status=0
cargo test --locked --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?

# One line at the end that adds up every test binary, in cargo's own words.
awk -v status="$status" '/^test result:/ {
    for (i = 1; i < NF; i++) {
      if ($(i + 1) ~ /^passed/) passed += $i
      if ($(i + 1) ~ /^failed/) failed += $i
      if ($(i + 1) ~ /^ignored/) ignored += $i
    }
  }
  END { printf "\ntest result: %s. %d passed; %d failed; %d ignored; all test binaries together\n", status ? "FAILED" : "ok", passed, failed, ignored }' "$log"
exit "$status"
