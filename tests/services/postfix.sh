#!/usr/bin/env bash
# A private Postfix on 127.0.0.1 for tests, with OpenDKIM in front of it. What it delivers lies in the mailboxes of the tests' Dovecot.
#
#   postfix.sh start DIR DOVECOT_DIR   prints "PORT MX_PORT SUBMISSION_PORT"; DIR gets main.cf, logs, queue/, dkim.txt
#   postfix.sh stop DIR
#
# All domains below .test are its own: NAME@anything.test lies in the INBOX of the user NAME, except that "nobody..." is unknown, which
# it finds out after it has accepted the message. Messages may have 1 MiB.
#   PORT             mail.sender.test: takes anything, signs it for the domain of From with the key of the selector "test", whose
#                    record is in dkim.txt. Mail to NAME@pNUMBER.test goes on to 127.0.0.1:NUMBER.
#   MX_PORT          mx.receiver.test: signs nothing; expects a line of the PROXY protocol, which names the client.
#   SUBMISSION_PORT  wants STARTTLS and a login, as Dovecot has it; signs nothing, and does not say how large a message may be. Its
#                    certificate is Dovecot's.
# It runs only if root starts it (anybody else needs sudo without a password), then as the user `postfix`; mail belongs to whom Dovecot's
# belongs to.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
PATH=$PATH:/usr/sbin:/usr/local/sbin

[[ $# -ge 2 ]] || { sed -n '2,17s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command=$1
dir=$(realpath -m "$2")

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@"; fi
}

write_key() {
  [[ ! -f $dir/dkim.pem ]] || return 0
  openssl genrsa -out "$dir/dkim.pem" 2048 2>/dev/null
  chmod 600 "$dir/dkim.pem"
  printf 'v=DKIM1; k=rsa; p=%s\n' "$(openssl rsa -in "$dir/dkim.pem" -pubout -outform DER 2>/dev/null | base64 -w0)" >"$dir/dkim.txt"
}

write_config() {
  local port=$1 mx=$2 submission=$3 milter=$4 dovecot=$5 lda
  lda=$(compgen -G '/usr/lib*/dovecot/dovecot-lda' | head -1)
  mkdir -p "$dir/queue" "$dir/data"
  cat >"$dir/opendkim.conf" <<CONF
Socket inet:$milter@127.0.0.1
Mode s
Canonicalization relaxed/relaxed
KeyTable file:$dir/keys
SigningTable refile:$dir/signers
RequireSafeKeys no
OversignHeaders From
PidFile $dir/opendkim.pid
Syslog no
UMask 002
CONF
  echo "key %:test:$dir/dkim.pem" >"$dir/keys"
  echo '*@* key' >"$dir/signers"
  cat >"$dir/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file = $dir/postfix.log
maillog_file_prefixes = $dir
myhostname = mx.receiver.test
mydestination =
relay_domains =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
# No network is there, and what is not needed is not asked.
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_helo_name = mail.sender.test
append_dot_mydomain = no
notify_classes =
message_size_limit = 1048576
mailbox_size_limit = 0
virtual_mailbox_domains = regexp:$dir/domains
smtpd_reject_unlisted_recipient = no
virtual_transport = dovecot
dovecot_destination_recipient_limit = 1
transport_maps = regexp:$dir/transports
smtpd_tls_cert_file = $dovecot/cert.pem
smtpd_tls_key_file = $dovecot/key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = $dovecot/run/auth-postfix
smtpd_client_connection_count_limit = 0
smtpd_recipient_limit = 1000
default_destination_concurrency_limit = 20
initial_destination_concurrency = 20
CONF
  echo '/\.test$/ here' >"$dir/domains"
  # That a recipient is unknown comes back as a message.
  echo '/^nobody/ error:5.1.1 No such user here' >"$dir/transports"
  echo '/@p([0-9]+)\.test$/ FILTER smtp:[127.0.0.1]:$1' >"$dir/onward"
  cat >"$dir/master.cf" <<CONF
127.0.0.1:$port inet n - n - - smtpd
  -o myhostname=mail.sender.test
  -o smtpd_milters=inet:127.0.0.1:$milter
  -o smtpd_recipient_restrictions=check_recipient_access,regexp:$dir/onward
127.0.0.1:$mx inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy
127.0.0.1:$submission inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_discard_ehlo_keywords=size,silent-discard
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
dovecot unix - n n - 20 pipe
  flags=DRuOX user=$(stat -c %U:%G "$dovecot/mail") argv=$lda -c $dovecot/dovecot.conf -o log_path=/dev/stderr -o stats_writer_socket_path= -d \${user} -f \${sender} -a \${original_recipient}
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
CONF
}

case $command in
  start)
    command -v postfix >/dev/null && command -v opendkim >/dev/null || die "Postfix or OpenDKIM is missing: run \`make deps\`"
    [[ $(id -u) == 0 ]] || sudo -n true 2>/dev/null || die "only root can start Postfix: run as root, or let sudo ask for no password"
    [[ $# -ge 3 ]] || die "which Dovecot?"
    port=$(free_port) mx=$(free_port) submission=$(free_port) milter=$(free_port)
    mkdir -p "$dir"
    write_key
    write_config "$port" "$mx" "$submission" "$milter" "$(realpath "$3")"
    # Postfix runs no configuration that others could have written.
    as_root chown root "$dir" "$dir"/*.cf "$dir/queue" "$dir/domains" "$dir/transports" "$dir/onward"
    as_root chown postfix "$dir/data"
    opendkim -f -x "$dir/opendkim.conf" </dev/null >"$dir/opendkim.log" 2>&1 &
    echo $! >"$dir/opendkim.started"
    wait_port "$milter" 20 || { cat "$dir/opendkim.log" >&2; die "OpenDKIM does not listen on $milter"; }
    as_root postfix -c "$dir" start </dev/null >"$dir/start.log" 2>&1 || { cat "$dir/start.log" "$dir/postfix.log" >&2; die "Postfix did not start"; }
    wait_port "$port" 20 || { cat "$dir/start.log" "$dir/postfix.log" >&2; die "Postfix does not listen on $port"; }
    echo "$port $mx $submission"
    ;;
  stop)
    [[ ! -f $dir/main.cf ]] || as_root postfix -c "$dir" stop </dev/null >>"$dir/start.log" 2>&1 || true
    [[ ! -f $dir/opendkim.started ]] || stop_pid "$(cat "$dir/opendkim.started")" 10
    # What others wrote is not ours to delete.
    [[ $(id -u) == 0 ]] || as_root chown -R "$(id -u)" "$dir"
    ;;
  *) die "start or stop" ;;
esac
