#!/usr/bin/env bash
# deps.sh test|screenshots|demo|bench: installs the Debian packages that are missing for that purpose; does nothing (and needs no network and
# no rights) when all are there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
PATH=$PATH:/usr/sbin:/usr/local/sbin
purpose=${1:-test}

have() { command -v "$1" >/dev/null 2>&1; }
missing=()
need() { missing+=("$@"); }

have dovecot && have doveadm && [[ -x /usr/lib/dovecot/imap || -x /usr/libexec/dovecot/imap ]] || need dovecot-imapd
have openssl || need openssl
have python3 || need python3
have cc || need gcc libc6-dev
case $purpose in
  test | screenshots)
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || have initdb || need postgresql
    have node || need nodejs
    have npm || need npm
    have chromium || need chromium
    # Pages are measured and looked at with letters, not with empty boxes.
    [[ -d /usr/share/fonts/truetype/dejavu ]] || need fonts-dejavu-core
    # Only pictures need those of the Japanese.
    [[ $purpose == test || -d /usr/share/fonts/truetype/droid ]] || need fonts-droid-fallback
    ;;
  demo) ;;
  bench) have wrk || need wrk ;;
  *) die "test, screenshots, demo or bench, not $purpose" ;;
esac
# What `python3 -m venv` needs is a package of its own for Debian's Python.
if [[ $purpose != demo ]] && { ! have python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; }; then need python3-venv; fi

[[ ${#missing[@]} -gt 0 ]] || exit 0
say "Installing Debian packages: ${missing[*]}"
have apt-get || die "this is not a Debian system: please install by hand: ${missing[*]}"
sudo=()
if [[ $(id -u) != 0 ]]; then
  have sudo || die "needs root (or sudo) to install: ${missing[*]}"
  sudo=(sudo)
fi

# Installing must not start servers on the machine's own ports, nor make a database cluster that nobody asked for.
policy=
if [[ ! -e /usr/sbin/policy-rc.d ]]; then
  policy=/usr/sbin/policy-rc.d
  printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee $policy >/dev/null
  "${sudo[@]}" chmod 755 $policy
  trap '"${sudo[@]}" rm -f "$policy"' EXIT
fi
if [[ " ${missing[*]} " == *" postgresql "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
  "${sudo[@]}" mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi

apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@"; }
install() { apt install -y --no-install-recommends "${missing[@]}" >&2; }
apt update >&2 || say "apt-get update failed; trying with the lists that are here"
if ! install; then
  say "First try failed; once more in 10 s"
  sleep 10
  apt update >&2 || true
  install || die "could not install: ${missing[*]}"
fi
