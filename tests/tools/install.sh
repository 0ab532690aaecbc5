#!/usr/bin/env bash
# Installs what tests need from PyPI and npm, exactly as locked here: requirements.txt (hashes) into .tests/venv, package-lock.json
# into .tests/node. Nothing locked, nothing installed. Done once per lockfile, so the network can be off from the second time on.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tests=$here/../../.tests
mkdir -p "$tests"

# once LOCKFILE STAMP COMMAND...: runs the command unless it has succeeded before with this very lockfile.
once() {
  local sum
  sum=$(sha256sum <"$1")
  [[ -f $2 && $(cat "$2") == "$sum" ]] && return
  "${@:3}" || { echo "tests/tools: could not install from $1" >&2; exit 1; }
  echo "$sum" >"$2"
}

python_tools() {
  rm -rf "$tests/venv"
  python3 -m venv "$tests/venv"
  "$tests/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$here/requirements.txt"
}

node_tools() {
  rm -rf "$tests/node"
  mkdir -p "$tests/node"
  cp "$here/package.json" "$here/package-lock.json" "$tests/node/"
  (cd "$tests/node" && npm ci --ignore-scripts --no-audit --no-fund)
}

if grep -qE '^[A-Za-z0-9]' "$here/requirements.txt"; then
  once "$here/requirements.txt" "$tests/venv.stamp" python_tools
fi
if [[ -f $here/package-lock.json ]]; then
  once "$here/package-lock.json" "$tests/node.stamp" node_tools
fi
