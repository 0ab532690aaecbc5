#!/usr/bin/env bash
# Starts a Dovecot, a Cyrus, a Postfix and a PostgreSQL on private ports, runs the tests against them, stops all whatever happens, and exits as the tests
# did. `KEEP=1` leaves the folder with logs.
#
#   tests/run.sh                            cargo test --workspace, then the browser tests
#   tests/run.sh ARGS OF CARGO TEST         those alone, as in: tests/run.sh -p posthouse-store
#   tests/run.sh browser [FILE [PATTERN]]   the browser tests alone: of the files whose name contains FILE, tests that match PATTERN
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
. "$here/services/lib.sh"

mkdir -p "$root/.tests"
work=$(mktemp -d "$root/.tests/run.XXXXXX")
chmod 755 "$work"
# The servers run as other users than root: a checkout below a closed home is out of their reach.
if [[ $(id -u) == 0 ]] && ! { can_reach mail "$work" && can_reach cyrus "$work" && can_reach postgres "$work"; }; then
  rmdir "$work"
  work=$(mktemp -d "${TMPDIR:-/tmp}/posthouse-tests.XXXXXX")
  chmod 755 "$work"
fi

cleanup() {
  local code=$?
  trap - EXIT INT TERM
  "$here/services/postfix.sh" stop "$work/postfix" || true
  "$here/services/dovecot.sh" stop "$work/dovecot" || true
  "$here/services/cyrus.sh" stop "$work/cyrus" || true
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
mkdir -p "$work/posthouse"
export POSTHOUSE_TEST_IMAP=127.0.0.1:$imap
export POSTHOUSE_TEST_IMAPS=127.0.0.1:$imaps
export POSTHOUSE_TEST_IMAP_CERT=$work/dovecot/cert.pem
export POSTHOUSE_TEST_DOVECOT_CONF=$work/dovecot/dovecot.conf
export POSTHOUSE_TEST_DIR=$work/posthouse
say "Dovecot on 127.0.0.1:$imap (TLS $imaps)"

cd "$root"
if [[ -x .tests/venv/bin/python ]]; then
  PATH=$root/.tests/venv/bin:$PATH
fi
[[ -t 1 ]] && export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always}
status=0

# The pages in headless Chromium, against the debug build; two files at a time.
browser_tests() {
  local word=${1:-} pattern=${2:-} files=() options=(--test --test-concurrency=2)
  mapfile -t files < <(compgen -G "tests/browser/*$word*.test.mjs" | sort)
  [[ ${#files[@]} -gt 0 ]] || { say "no file of tests/browser has \`$word\` in its name"; status=1; return; }
  [[ -z $pattern ]] || options+=("--test-name-pattern=$pattern")
  options+=(--test-reporter=spec --test-reporter-destination=stdout --test-reporter=tap "--test-reporter-destination=$work/browser.tap")
  say "Browser tests"
  node "${options[@]}" "${files[@]}" || status=1
}

if [[ ${1:-} == browser ]]; then
  # POSTHOUSE_TEST_BINARY: another server than the debug build.
  [[ -n ${POSTHOUSE_TEST_BINARY:-} ]] || cargo build --locked -p posthouse
  browser_tests "${@:2}"
else
  cyrus=$("$here/services/cyrus.sh" start "$work/cyrus") || die "Cyrus did not start"
  export POSTHOUSE_TEST_CYRUS=127.0.0.1:$cyrus
  say "Cyrus on 127.0.0.1:$cyrus"
  read -r postfix mx submission < <("$here/services/postfix.sh" start "$work/postfix" "$work/dovecot") || die "Postfix did not start"
  export POSTHOUSE_TEST_POSTFIX=127.0.0.1:$postfix
  export POSTHOUSE_TEST_POSTFIX_MX=127.0.0.1:$mx
  export POSTHOUSE_TEST_POSTFIX_SUBMISSION=127.0.0.1:$submission
  export POSTHOUSE_TEST_DKIM=$work/postfix/dkim.txt
  say "Postfix on 127.0.0.1:$postfix"
  postgres=$("$here/services/postgres.sh" start "$work/postgres")
  export POSTHOUSE_TEST_POSTGRES=postgres://postgres@127.0.0.1:$postgres/postgres
  say "PostgreSQL on 127.0.0.1:$postgres"
  whole=
  [[ $# -gt 0 ]] || set -- --workspace
  [[ $* != --workspace ]] || whole=1
  cargo test --locked --no-fail-fast "$@" 2>&1 | tee "$work/cargo-test.log" || status=$?
  [[ -z $whole ]] || browser_tests
fi

# One line at the end that adds up every test binary and the browser tests, in cargo's own words.
touch "$work/cargo-test.log" "$work/browser.tap"
awk -v status="$status" '/^test result:/ {
    for (i = 1; i < NF; i++) {
      if ($(i + 1) ~ /^passed/) passed += $i
      if ($(i + 1) ~ /^failed/) failed += $i
      if ($(i + 1) ~ /^ignored/) ignored += $i
    }
  }
  /^# pass / { passed += $3 }
  /^# (fail|cancelled) / { failed += $3 }
  /^# (skipped|todo) / { ignored += $3 }
  END { printf "\ntest result: %s. %d passed; %d failed; %d ignored; all tests together\n", status ? "FAILED" : "ok", passed, failed, ignored }' \
  "$work/cargo-test.log" "$work/browser.tap"
exit "$status"
