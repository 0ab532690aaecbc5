#!/usr/bin/env bash
# A private Dovecot on 127.0.0.1 for tests, the demo and the benchmarks.
#
#   dovecot.sh start DIR [IMAP_PORT [IMAPS_PORT]]   prints "IMAP_PORT IMAPS_PORT"; DIR gets dovecot.conf, logs, keys, mail/
#   dovecot.sh stop DIR
#   dovecot.sh status DIR
#
# Every user name exists. Passwords: "pass" for LOGIN and PLAIN; anything else is refused. XOAUTH2 and OAUTHBEARER take a JSON Web
# Token signed with HS256 and the key "posthouse-test-key", claims "sub" (the user name) and "exp".
# DOVECOT_TLS=no: neither TLS nor STARTTLS is offered.
# As root, mail belongs to the user `mail` and the limits of inotify are raised (IDLE on more than 128 mailboxes needs it);
# as anybody else everything runs as that user, with the system's limits.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
PATH=$PATH:/usr/sbin:/usr/local/sbin

[[ $# -ge 2 ]] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command=$1
dir=$(realpath -m "$2")
conf=$dir/dovecot.conf

write_config() {
  local imap=$1 imaps=$2 uid gid login internal group
  if [[ $(id -u) == 0 ]]; then
    uid=mail gid=mail login=dovenull internal=dovecot group=dovecot
  else
    uid=$(id -un) gid=$(id -gn)
    login=$uid internal=$uid group=$gid
  fi
  mkdir -p "$dir/run" "$dir/mail" "$dir/keys/default/HS256"
  chmod 755 "$dir" "$dir/mail"
  printf 'posthouse-test-key' | base64 -w0 >"$dir/keys/default/HS256/default"
  [[ $(id -u) == 0 ]] && chown mail:mail "$dir/mail"
  if [[ ! -f $dir/cert.pem ]]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
  fi
  cat >"$dir/oauth2.conf" <<CONF
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$dir/keys/
username_attribute = sub
CONF
  cat >"$conf" <<CONF
base_dir = $dir/run
state_dir = $dir/run
instance_name = posthouse-$imap
log_path = $dir/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = $internal
default_internal_group = $group
default_login_user = $login
ssl = ${DOVECOT_TLS:-yes}
ssl_cert = <$dir/cert.pem
ssl_key = <$dir/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
# Refused passwords are part of the tests: no delay that grows with them.
auth_failure_delay = 0 secs
first_valid_uid = 1
last_valid_uid = 0
first_valid_gid = 1
mail_uid = $uid
mail_gid = $gid
mail_location = maildir:~/Maildir
mail_fsync = never
maildir_very_dirty_syncs = yes
mail_max_userip_connections = 10000
mailbox_idle_check_interval = 1 secs
default_vsz_limit = 1G
default_client_limit = 20000
default_process_limit = 8000
imap_capability = +SPECIAL-USE
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $dir/oauth2.conf
}
passdb {
  driver = static
  mechanisms = plain login
  args = password=pass
}
userdb {
  driver = static
  args = uid=$uid gid=$gid home=$dir/mail/%u allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = /
$(for box in Sent Drafts Trash Junk Archive; do
    printf '  mailbox %s {\n    special_use = \\%s\n    auto = subscribe\n  }\n' "$box" "$box"
  done)
}
# Folders that LIST shows only to who asks for them by their prefix.
namespace shared {
  type = public
  separator = /
  prefix = "#shared/"
  location = maildir:~/Shared
  list = no
  subscriptions = no
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = $imap
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = $imaps
    ssl = ${DOVECOT_TLS:-yes}
  }
  service_count = 0
  process_min_avail = 1
  process_limit = 2
  client_limit = 10000
}
service imap {
  service_count = 256
  process_limit = 8000
}
service anvil {
  chroot =
  client_limit = 30000
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  client_limit = 30000
  # A mail server may ask whether a login is right, and where somebody's mail lies.
  unix_listener auth-postfix {
    mode = 0666
  }
  unix_listener auth-userdb {
    mode = 0666
  }
}
service stats {
  client_limit = 30000
}
CONF
}

case $command in
  start)
    for tool in dovecot doveadm openssl; do
      command -v $tool >/dev/null || die "$tool is missing: run \`make deps\`"
    done
    if [[ $(id -u) == 0 ]]; then
      { echo 8192 >/proc/sys/fs/inotify/max_user_instances && echo 200000 >/proc/sys/fs/inotify/max_user_watches; } 2>/dev/null ||
        say "dovecot.sh: cannot raise fs.inotify limits; IDLE is slow beyond $(cat /proc/sys/fs/inotify/max_user_instances) mailboxes"
    fi
    imap=${3:-$(free_port)}
    imaps=${4:-$(free_port)}
    mkdir -p "$dir"
    if [[ $(id -u) == 0 ]] && ! can_reach mail "$dir"; then
      die "the user \`mail\` cannot enter $dir: choose a folder outside of closed homes"
    fi
    write_config "$imap" "$imaps"
    ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
    # Dovecot's helpers inherit what is open; a pipe of the caller must not stay open in them.
    dovecot -c "$conf" </dev/null >"$dir/start.log" 2>&1 || { cat "$dir/start.log" >&2; die "Dovecot did not start"; }
    wait_port "$imap" 20 || { tail -20 "$dir/dovecot.log" >&2; die "Dovecot does not listen on $imap"; }
    # On a busy machine its process id is written later than it listens.
    for _ in $(seq 200); do [[ -s $dir/run/master.pid ]] && break; sleep 0.05; done
    echo "$imap $imaps"
    ;;
  stop)
    [[ -f $dir/run/master.pid ]] && stop_pid "$(cat "$dir/run/master.pid")" 10
    ;;
  status)
    [[ -f $dir/run/master.pid ]] && kill -0 "$(cat "$dir/run/master.pid")" && echo up
    ;;
  *) die "start, stop or status" ;;
esac
