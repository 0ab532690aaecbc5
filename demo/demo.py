#!/usr/bin/env python3
"""Posthouse from end to end in half a minute, on this machine alone.

A private Dovecot with 300 messages, a webhook receiver, an SMTP server that keeps what it gets, and Posthouse between them. Every HTTP
call is printed as a curl command with its answer.

    make demo                      ends by itself; exit status 0 when everything happened as it should
    python3 demo/demo.py --stay    leaves everything running at the end, until Ctrl-C, to try calls of your own

Needs target/release/posthouse and Dovecot (`make demo` sees to both), and nothing but Python's standard library.
"""

import argparse
import email
import email.policy
import http.server
import imaplib
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import mailbox_filler

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACCOUNT = "demo"
PASSWORD = "pass"  # the private Dovecot takes it from everybody
MESSAGES = 300
LIMIT = 60  # seconds for everything; it takes about ten


class Failure(Exception):
    """Something did not happen as it should."""


class Screen:
    """What the reader sees. Colours only on a terminal, and not with NO_COLOR."""

    def __init__(self):
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.number = 0

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    def step(self, title):
        self.number += 1
        print(f"\n{self.paint('1;36', f'{self.number}. {title}')}", flush=True)

    def note(self, text):
        print(f"   {text}", flush=True)

    def good(self, text):
        print(f"   {self.paint('32', '✓')} {text}", flush=True)

    def curl(self, text):
        for number, line in enumerate(text.split("\n")):
            print(f"   {self.paint('2', '$' if number == 0 else ' ')} {self.paint('1', line)}")

    def json(self, value, lines=40):
        text = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
        for line in text[:lines]:
            print("     " + self.paint("2", line if len(line) < 150 else line[:146] + " ..."))
        if len(text) > lines:
            print("     " + self.paint("2", f"... {len(text) - lines} more lines"))
        sys.stdout.flush()


screen = Screen()


def wait_for(what, seconds, probe, step=0.02):
    """The first true value of probe()."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = probe()
        if value:
            return value
        time.sleep(step)
    raise Failure(f"{what}: not within {seconds} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- the parts around Posthouse -------------------------------------------------------------------------------------------------


class Dovecot:
    """A private IMAP server in a folder of its own."""

    script = ROOT / "tests" / "services" / "dovecot.sh"

    def __init__(self, folder):
        self.folder = folder / "dovecot"
        started = subprocess.run([self.script, "start", self.folder], stdout=subprocess.PIPE, text=True)
        if started.returncode != 0:
            raise Failure("Dovecot does not start")
        self.port = int(started.stdout.split()[0])

    def append(self, folder, messages):
        """(flags, seconds since 1970, bytes) each; returns the time at which the server had confirmed the last."""
        with imaplib.IMAP4("127.0.0.1", self.port) as imap:
            imap.login(ACCOUNT, PASSWORD)
            for flags, when, raw in messages:
                status, answer = imap.append(folder, flags, imaplib.Time2Internaldate(when), raw)
                if status != "OK":
                    raise Failure(f"Dovecot refuses a message: {answer}")
            return time.time()

    def stop(self):
        subprocess.run([self.script, "stop", self.folder], check=False)


class Receiver:
    """An HTTP server that keeps the webhooks it gets."""

    def __init__(self):
        self.hooks = []
        hooks = self.hooks

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hooks.append((time.time(), dict(self.headers), body, json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hooks"

    def wait(self, event, seconds, matches=lambda data: True):
        def probe():
            return next((hook for hook in list(self.hooks) if hook[3].get("event") == event and matches(hook[3].get("data") or {})), None)

        return wait_for(f"webhook {event}", seconds, probe)


class MailSink:
    """An SMTP server that keeps the mail it gets and delivers nothing."""

    def __init__(self):
        self.mails = []
        mails = self.mails

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self):
                self.say("220 sink.example ESMTP")
                sender, recipients = "", []
                for raw in self.rfile:
                    line = raw.decode("utf-8", "replace").strip()
                    verb = line.upper().split(" ")[0]
                    if verb == "EHLO":
                        self.say("250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN")
                    elif verb == "AUTH":
                        if len(line.split()) < 3:
                            self.say("334 ")
                            self.rfile.readline()
                        self.say("235 2.7.0 welcome")
                    elif verb == "MAIL":
                        sender, recipients = line.split("<")[1].split(">")[0], []
                        self.say("250 2.1.0 ok")
                    elif verb == "RCPT":
                        recipients.append(line.split("<")[1].split(">")[0])
                        self.say("250 2.1.5 ok")
                    elif verb == "DATA":
                        self.say("354 go ahead")
                        data = []
                        for part in self.rfile:
                            if part == b".\r\n":
                                break
                            data.append(part[1:] if part.startswith(b".") else part)
                        mails.append((time.time(), sender, recipients, b"".join(data)))
                        self.say("250 2.0.0 queued")
                    elif verb == "QUIT":
                        self.say("221 2.0.0 bye")
                        return
                    else:
                        self.say("250 2.0.0 ok")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Posthouse:
    """The server, and the calls to it."""

    def __init__(self, binary, folder):
        self.binary = binary
        self.data = folder / "posthouse"
        self.log = folder / "posthouse.log"
        self.base = f"http://127.0.0.1:{free_port()}"
        self.token = ""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("POSTHOUSE_", "EENGINE_"))}
        command = [binary, "serve", "--host", "127.0.0.1", "--port", self.base.rsplit(":", 1)[1], "--data-dir", self.data]
        with open(self.log, "wb") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder)
        screen.curl(f"{relative(binary)} serve --port {command[5]} --data-dir {self.data}")

    def healthy(self):
        if self.process.poll() is not None:
            raise Failure(f"posthouse ended with status {self.process.returncode}")
        try:
            return self.send("GET", "/health")[0] == 200
        except OSError:
            return False

    def issue_token(self):
        command = [self.binary, "tokens", "issue", "-d", "demo", "-s", "*", "--data-dir", self.data]
        issued = subprocess.run(command, capture_output=True, text=True, timeout=20)
        if issued.returncode != 0:
            raise Failure(f"no token: {issued.stderr.strip()}")
        self.token = issued.stdout.strip()

    def send(self, method, path, body=None):
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def show(self, method, path, body=None):
        """Prints a call so that it can be pasted into a shell."""
        words = ["curl -s" + ("" if method == "GET" else f" -X {method}"), '-H "Authorization: Bearer $TOKEN"']
        words.append(f'"$BASE{path}"')
        text = " ".join(words)
        if body is not None:
            flat = json.dumps(body, ensure_ascii=False)
            shown = flat if len(flat) < 100 else json.dumps(body, indent=2, ensure_ascii=False)
            text += f" -H 'Content-Type: application/json' \\\n -d {shlex.quote(shown)}"
        screen.curl(text)

    def call(self, method, path, body=None, lines=40, quiet=False):
        """Does a call that must be answered with 200, and prints it."""
        if not quiet:
            self.show(method, path, body)
        status, answer = self.send(method, path, body)
        try:
            value = json.loads(answer)
        except ValueError:
            value = answer.decode("utf-8", "replace")
        if not quiet or status != 200:
            screen.json(value, lines)
        if status != 200:
            raise Failure(f"{method} {path} was answered with {status}")
        return value

    def stop(self):
        """Asks it to end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("posthouse did not end within 15 s of SIGTERM") from None
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log_tail(self):
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-30:])


def relative(path):
    path = pathlib.Path(path)
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


# --- the walk -------------------------------------------------------------------------------------------------------------------


def walk(folder, binary, parts):
    start = time.monotonic()

    screen.step("A mail server, a webhook receiver and an SMTP server of our own")
    dovecot = parts["dovecot"] = Dovecot(folder)
    receiver, sink = Receiver(), MailSink()
    dovecot.append("INBOX", mailbox_filler.messages(MESSAGES))
    screen.good(f"Dovecot on 127.0.0.1:{dovecot.port}, user {ACCOUNT!r}, with {MESSAGES} messages")
    screen.good(f"Webhooks go to {receiver.url}; mail goes to 127.0.0.1:{sink.port} and no further")

    screen.step("Posthouse, on an empty folder")
    posthouse = parts["posthouse"] = Posthouse(binary, folder)
    wait_for("posthouse", 20, posthouse.healthy, 0.005)
    screen.good(f"Answers on {posthouse.base} after {(time.monotonic() - posthouse.started) * 1000:.0f} ms")

    screen.step("An access token, issued by the command line while the server runs")
    screen.curl(f"export BASE={posthouse.base}")
    screen.curl(f"export TOKEN=$({relative(binary)} tokens issue -d demo -s '*' --data-dir {posthouse.data})")
    posthouse.issue_token()
    screen.good("64 hex digits; they are shown nowhere else, and the store keeps only their hash")

    screen.step("Where webhooks go")
    settings = {"webhooksEnabled": True, "webhooks": receiver.url, "webhookEvents": ["*"]}
    posthouse.call("POST", "/v1/settings", settings)

    screen.step("Register the mailbox")
    credentials = {"user": ACCOUNT, "pass": PASSWORD}
    account = {
        "account": ACCOUNT,
        "name": "Demo Reader",
        "email": f"{ACCOUNT}@example.com",
        "imap": {"host": "127.0.0.1", "port": dovecot.port, "secure": False, "auth": credentials},
        "smtp": {"host": "127.0.0.1", "port": sink.port, "secure": False, "auth": credentials},
    }
    registered = time.monotonic()
    posthouse.call("POST", "/v1/account", account)

    def connected():
        state = posthouse.call("GET", f"/v1/account/{ACCOUNT}", quiet=True)
        if state.get("state") in ("authenticationError", "connectError"):
            raise Failure(f"the account is in state {state['state']}: {state.get('lastError')}")
        return state.get("state") == "connected"

    wait_for("state connected", 20, connected)
    took = time.monotonic() - registered
    state = posthouse.call("GET", f"/v1/account/{ACCOUNT}", lines=14)
    receiver.wait("accountInitialized", 10)
    screen.good(f"{state['state']} {took * 1000:.0f} ms after the call; webhooks so far: {', '.join(hook[3]['event'] for hook in receiver.hooks)}")

    screen.step("Read it")
    posthouse.call("GET", f"/v1/account/{ACCOUNT}/mailboxes?counters=true", lines=16)
    listing = posthouse.call("GET", f"/v1/account/{ACCOUNT}/messages?path=INBOX&pageSize=2", lines=30)
    if listing["total"] != MESSAGES:
        raise Failure(f"{listing['total']} messages are listed, {MESSAGES} are there")
    screen.good(f"{listing['total']} messages on {listing['pages']} pages, newest first: {listing['messages'][0]['subject']!r}")

    screen.step("A mail arrives, and so does its webhook")
    question = mailbox_filler.question()
    appended = dovecot.append("INBOX", [("", time.time(), question)])
    screen.note("(put into the mailbox over IMAP by somebody else)")
    arrived, headers, _, hook = receiver.wait("messageNew", 20, lambda data: data.get("messageId") == mailbox_filler.QUESTION_ID)
    screen.json({name: value for name, value in headers.items() if name.lower().startswith("x-ee-wh")})
    screen.json(hook, 36)
    screen.good(f"messageNew {max(0, arrived - appended) * 1000:.0f} ms after the mail server had confirmed the mail")
    screen.note("(about 500 ms of that is Dovecot's own: it gathers changes that long before it tells a waiting client)")

    screen.step("Reply to it")
    reply = {
        "reference": {"message": hook["data"]["id"], "action": "reply"},
        "text": "Nine is fine. Tea, please.\n",
        "html": "<p>Nine is fine. <b>Tea</b>, please.</p>",
    }
    submitted = time.time()
    answer = posthouse.call("POST", f"/v1/account/{ACCOUNT}/submit", reply)
    received, sender, recipients, raw = wait_for("the reply at the SMTP server", 15, lambda: sink.mails[0] if sink.mails else None)
    screen.good(f"At the SMTP server {max(0, received - submitted) * 1000:.0f} ms after the call, from {sender} to {', '.join(recipients)}:")
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    for name in ("From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Content-Type"):
        screen.note("  " + screen.paint("2", f"{name}: {mail[name]}"))
    text = mail.get_body(("plain",))
    for line in (text.get_content() if text else "").strip().splitlines()[:6]:
        screen.note("  " + screen.paint("2", f"| {line}"))
    expected = {"In-Reply-To": mailbox_filler.QUESTION_ID, "Message-ID": answer["messageId"], "Subject": "Re: " + mailbox_filler.QUESTION_SUBJECT}
    for name, value in expected.items():
        if mail[name] != value:
            raise Failure(f"{name} of the reply is {mail[name]!r}, not {value!r}")
    if recipients != [mailbox_filler.QUESTION_FROM]:
        raise Failure(f"the reply went to {recipients}")

    screen.step("What became of it")
    sent = receiver.wait("messageSent", 15, lambda data: data.get("messageId") == answer["messageId"])
    screen.good(f"Webhook messageSent: {sent[3]['data'].get('response')}")

    def filed():
        copies = posthouse.call("GET", f"/v1/account/{ACCOUNT}/messages?path=Sent", quiet=True)
        return any(copy.get("messageId") == answer["messageId"] for copy in copies["messages"])

    def answered():
        return "\\Answered" in posthouse.call("GET", f"/v1/account/{ACCOUNT}/message/{hook['data']['id']}", quiet=True)["flags"]

    wait_for("a copy in Sent", 15, filed, 0.1)
    posthouse.show("GET", f"/v1/account/{ACCOUNT}/messages?path=Sent")
    screen.good("A copy is in the folder Sent")
    wait_for("the flag \\Answered", 15, answered, 0.1)
    posthouse.show("GET", f"/v1/account/{ACCOUNT}/message/{hook['data']['id']}")
    screen.good("The mail it replies to has the flag \\Answered")
    return time.monotonic() - start


def stay(posthouse):
    screen.step("Over to you")
    screen.note("Everything goes on until you press Ctrl-C. In another shell, in this folder:")
    screen.curl(f"export BASE={posthouse.base}")
    screen.curl(f"export TOKEN=$({relative(posthouse.binary)} tokens issue -d me -s '*' --data-dir {posthouse.data})")
    screen.curl('curl -s -H "Authorization: Bearer $TOKEN" "$BASE/v1/accounts"')
    signal.alarm(0)
    signal.pause()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stay", action="store_true", help="leave everything running until Ctrl-C")
    options.add_argument("--binary", default=ROOT / "target" / "release" / "posthouse", type=pathlib.Path, help="the posthouse to show")
    arguments = options.parse_args()

    def too_long(*_):
        raise Failure(f"the demo takes longer than {LIMIT} s")

    def ended(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, ended)
    signal.alarm(LIMIT)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-demo-"))
    folder.chmod(0o755)
    parts, status = {}, 1
    try:
        if not os.access(arguments.binary, os.X_OK):
            raise Failure(f"{arguments.binary} is not there: run `make demo`, which builds it")
        took = walk(folder, arguments.binary.resolve(), parts)
        if arguments.stay:
            stay(parts["posthouse"])
        code = parts["posthouse"].stop()
        if code != 0:
            raise Failure(f"posthouse ended with status {code} after SIGTERM")
        print(f"\n{screen.paint('1;32', f'All of it worked, in {took:.1f} s.')} Everything has been stopped and removed again.")
        print("To try calls of your own: python3 demo/demo.py --stay")
        status = 0
    except KeyboardInterrupt:
        print("\nStopped.")
        status = 130
    except (Failure, OSError, KeyError, imaplib.IMAP4.error, subprocess.TimeoutExpired) as fault:
        what = str(fault) if isinstance(fault, Failure) else f"{type(fault).__name__}: {fault}"
        print(f"\n{screen.paint('1;31', 'The demo failed:')} {what}", file=sys.stderr)
        if "posthouse" in parts:
            print(f"--- the end of posthouse's log\n{parts['posthouse'].log_tail()}", file=sys.stderr)
    finally:
        signal.alarm(0)
        if "posthouse" in parts:
            parts["posthouse"].kill()
        if "dovecot" in parts:
            parts["dovecot"].stop()
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
