#!/usr/bin/env bash
# Feeds every reader of foreign bytes with random input, one after the other, each for so many seconds. Ends with 1 if one broke.
#
#   tests/fuzz.sh SECONDS [WORD]     those alone whose name contains WORD
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds each}
only=${2:-}
broken=()

fuzz() {
  local name=$1
  shift
  [[ $name == *"$only"* ]] || return 0
  printf '== %s\n' "$name"
  "$@" || broken+=("$name")
}
example() {
  cargo run --quiet --release --locked -p "$1" --example "$2" -- --seconds "$seconds" "${@:3}"
}
# A property has a count of cases, not a time: some thousand a second.
property() {
  PROPTEST_CASES=$((seconds * 1000)) cargo test --quiet --release --locked -p "$1" "$2"
}

for target in header addresses words body reports; do
  fuzz "mime-$target" example posthouse-mime fuzz --target "$target"
done
fuzz mime-html example posthouse-mime fuzz_html
fuzz template example posthouse-template fuzz
fuzz imap example posthouse-imap fuzz
fuzz search property posthouse-backend nothing_breaks_out

if [[ ${#broken[@]} -gt 0 ]]; then
  printf 'Broken: %s\n' "${broken[*]}"
  exit 1
fi
