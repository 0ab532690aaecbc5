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
# cyrus-imapd of which version is to be unpacked beside the other IMAP server; see below.
cyrus=/usr/local/lib/cyrus-imapd
need() { missing+=("$@"); }

have dovecot && have doveadm && [[ -x /usr/lib/dovecot/imap || -x /usr/libexec/dovecot/imap ]] || need dovecot-imapd
have openssl || need openssl
have python3 || need python3
have cc || need gcc libc6-dev
case $purpose in
  test | screenshots)
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || have initdb || need postgresql
    # Mail servers exclude each other too. One that runs serves somebody: it stays, and whoever it serves decides.
    if [[ $purpose == test ]] && ! have postfix; then
      running=$(ps -eo comm= 2>/dev/null | grep -Ex 'exim4?|smtpd|sendmail-mta|sendmail' | head -1 || true)
      [[ -z $running ]] || die "tests need Postfix, and installing it would remove the mail server that runs here ($running): please decide, and install postfix by hand"
      need postfix
    fi
    [[ $purpose != test ]] || have opendkim || need opendkim
    # Debian's packages of IMAP servers exclude each other: of the second one the common part is installed, cyrus-imapd is unpacked.
    if [[ ! -x /usr/lib/cyrus/bin/master ]]; then
      # It wants something that sends mail. Anything does: it is never used.
      [[ $purpose == test || -x /usr/sbin/sendmail ]] || need msmtp-mta
      need cyrus-common
    fi
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

cyrus_version() { dpkg-query -W -f '${Version}' cyrus-common 2>/dev/null || true; }
cyrus_there() { [[ $purpose != test || -x $cyrus/imapd && $(cat "$cyrus/version" 2>/dev/null) == "$(cyrus_version)" ]]; }

[[ ${#missing[@]} -gt 0 ]] || ! cyrus_there || exit 0
[[ ${#missing[@]} == 0 ]] || say "Installing Debian packages: ${missing[*]}"
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

if [[ " ${missing[*]} " == *" postfix "* ]]; then
  # The machine gets no configuration of a mail server: tests bring their own.
  echo 'postfix postfix/main_mailer_type select No configuration' | "${sudo[@]}" debconf-set-selections
fi

apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@"; }
apt_install() { apt install -y --no-install-recommends "$@" >&2; }
install_missing() { [[ ${#missing[@]} == 0 ]] || apt_install "${missing[@]}"; }
unpack_cyrus() {
  local to version
  cyrus_there && return
  version=$(cyrus_version)
  to=$(mktemp -d)
  chmod 755 "$to"
  say "Unpacking cyrus-imapd $version into $cyrus"
  if (cd "$to" && apt-get download "cyrus-imapd=$version" >&2 && dpkg-deb -x ./*.deb .); then
    "${sudo[@]}" mkdir -p "$cyrus"
    "${sudo[@]}" install -m 755 "$to"/usr/lib/cyrus/bin/* "$cyrus"
    echo "$version" | "${sudo[@]}" tee "$cyrus/version" >/dev/null
  fi
  rm -rf "$to"
  cyrus_there
}
apt update >&2 || say "apt-get update failed; trying with the lists that are here"
if ! { install_missing && unpack_cyrus; }; then
  say "First try failed; once more in 10 s"
  sleep 10
  apt update >&2 || true
  install_missing || die "could not install: ${missing[*]}"
  # An older version of the common part may be there than the archive still has.
  unpack_cyrus || { apt_install cyrus-common && unpack_cyrus; } || die "could not unpack cyrus-imapd"
fi
