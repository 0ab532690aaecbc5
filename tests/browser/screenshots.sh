#!/usr/bin/env bash
# Writes every page as PNG, light and dark, 1440 and 390 px wide, into .screenshots (or FOLDER): starts Dovecot, a server with
# realistic data and Chromium, and stops them all. The states that a page comes to by what is done on it (the first steps, dialogs,
# faults, answers) are pictured by the tests that bring them about. WORD: only pages whose name contains it, and no states.
#
#   screenshots.sh [FOLDER [WORD]]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/services/lib.sh"
folder=$(realpath -m "${1:-$root/.screenshots}")
cd "$root"
[[ -n ${POSTHOUSE_TEST_BINARY:-} ]] || cargo build --locked -p posthouse

mkdir -p .tests
work=$(mktemp -d "$root/.tests/shots.XXXXXX")
chmod 755 "$work"
if [[ $(id -u) == 0 ]] && ! can_reach mail "$work"; then
  rmdir "$work"
  work=$(mktemp -d "${TMPDIR:-/tmp}/posthouse-shots.XXXXXX")
  chmod 755 "$work"
fi
cleanup() {
  local code=$?
  trap - EXIT INT TERM
  tests/services/dovecot.sh stop "$work/dovecot" || true
  rm -rf "$work"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

read -r imap _ < <(tests/services/dovecot.sh start "$work/dovecot") || die "Dovecot did not start"
mkdir -p "$work/posthouse"
export POSTHOUSE_TEST_IMAP=127.0.0.1:$imap POSTHOUSE_TEST_DIR=$work/posthouse
node tests/browser/screenshots.mjs "$folder" "${@:2}"
[[ -n ${2:-} ]] || SHOTS=$folder node --test --test-reporter=dot tests/browser/axe_setup.test.mjs tests/browser/axe_states.test.mjs
say "Written: $folder"
