#!/usr/bin/env bash
# A private Cyrus IMAP server on 127.0.0.1 for tests: the second real server, with QRESYNC, OBJECTID and MOVE of another make.
#
#   cyrus.sh start DIR [IMAP_PORT]   prints IMAP_PORT; DIR gets imapd.conf, cyrus.conf, logs, mail/
#   cyrus.sh stop DIR
#
# Every user name exists and gets INBOX, Sent, Drafts, Trash, Junk and Archive at its first login. The password is "pass".
# As root it runs as the user `cyrus`; as anybody else as that user.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
PATH=$PATH:/usr/sbin:/usr/local/sbin
# Debian's packages of IMAP servers exclude each other: what Dovecot's keeps out was unpacked here by deps.sh.
programs=/usr/local/lib/cyrus-imapd

[[ $# -ge 2 ]] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command=$1
dir=$(realpath -m "$2")

write_config() {
  local imap=$1 user=$2
  cat >"$dir/imapd.conf" <<CONF
configdirectory: $dir/config
partition-default: $dir/mail
defaultpartition: default
proc_path: $dir/run/proc
mboxname_lockpath: $dir/run/lock
imapidlepoll: 1
cyrus_user: $user
admins: cyrus
servername: localhost
syslog_prefix: posthouse-$imap
altnamespace: yes
unixhierarchysep: yes
virtdomains: off
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: $dir/run/mux
autocreate_quota: 0
autocreate_inbox_folders: Sent|Drafts|Trash|Junk|Archive
autocreate_subscribe_folders: Sent|Drafts|Trash|Junk|Archive
xlist-sent: Sent
xlist-drafts: Drafts
xlist-trash: Trash
xlist-junk: Junk
xlist-archive: Archive
conversations: yes
delete_mode: immediate
failedloginpause: 0
# Nobody keeps what tests wrote.
skiplist_unsafe: yes
CONF
  cat >"$dir/cyrus.conf" <<CONF
START {
  recover cmd="ctl_cyrusdb -C $dir/imapd.conf -r"
}
DAEMON {
  idled   cmd="$programs/idled -f -C $dir/imapd.conf"
}
SERVICES {
  imap    cmd="$programs/imapd -C $dir/imapd.conf -U 200" listen="127.0.0.1:$imap" prefork=2 maxchild=500
}
EVENTS {
}
CONF
}

case $command in
  start)
    [[ -x /usr/lib/cyrus/bin/master && -x $programs/imapd ]] || die "Cyrus is missing: run \`make deps\`"
    user=$(id -un)
    if [[ $(id -u) == 0 ]]; then user=cyrus; fi
    port=${3:-$(free_port)}
    mkdir -p "$dir/config"/{db,log,msg,proc,ptclient,quota,sieve,socket,user} "$dir/mail" "$dir/run"/{proc,lock}
    write_config "$port" "$user"
    if [[ $(id -u) == 0 ]]; then
      chown -R cyrus:mail "$dir"
      can_reach cyrus "$dir" || die "the user \`cyrus\` cannot enter $dir: choose a folder outside of closed homes"
    fi
    python3 "$here/saslauthd.py" "$dir/run/mux" </dev/null >"$dir/saslauthd.log" 2>&1 &
    echo $! >"$dir/saslauthd.pid"
    /usr/lib/cyrus/bin/master -C "$dir/imapd.conf" -M "$dir/cyrus.conf" -p "$dir/master.pid" -L "$dir/master.log" -D </dev/null >"$dir/start.log" 2>&1 &
    echo $! >"$dir/master.started"
    wait_port "$port" 20 || { cat "$dir/start.log" "$dir/master.log" >&2; die "Cyrus does not listen on $port"; }
    echo "$port"
    ;;
  stop)
    for file in master.started saslauthd.pid; do
      [[ ! -f $dir/$file ]] || stop_pid "$(cat "$dir/$file")" 10
    done
    ;;
  *) die "start or stop" ;;
esac
