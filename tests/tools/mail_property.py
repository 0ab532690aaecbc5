#!/usr/bin/env python3
"""Messages of all kinds, built by Posthouse (`dryRun`) and read by Python's `email`: what comes out is what went in.

    mail_property.py BASE TOKEN ACCOUNT SEED COUNT

Ends with 1 and the seed, the number and the input of the first message that differs.
"""

import base64
import email
import email.policy
import http.client
import json
import random
import re
import string
import sys
import urllib.parse

NAMES = ["Ann", "Zoë Müller", "O'Neil, Pat \"the hat\"", "山田 太郎", "Иван Петров", "Ёлка (дом)", "a" * 90, "é" * 60, "Dr. X <y>", "😀 team", "back\\slash", ""]
LOCALS = ["ann", "first.last", "a+tag", "o'neil", "x_y-z", "k" * 60]
UTF8_LOCALS = ["jürgen", "用户", "иван"]
DOMAINS = ["example.com", "mail.example.org", "bücher.example", "münchen.example.de"]
WORDS = ["hello", "Grüße", "日本語", "привет", "👩‍👩‍👧", "naïve", "=?utf-8?q?fake?=", "x" * 120, "ü" * 80, "a,b;c", "\"quoted\"", "<tag>", "tab\tstop", "100%", "ſt", "שלום"]
FILES = ["a.txt", "Übersicht 2024.pdf", "日本語のファイル名.docx", "semi;colon, comma.csv", "quo\"te.bin", "x" * 150 + ".png", "ж" * 90 + ".zip", "it's 100%.html", "no-extension", "two  spaces.txt"]
TYPES = ["text/plain", "application/pdf", "image/png", "application/octet-stream", "text/csv; charset=utf-8", "application/vnd.ms-excel"]
CALENDAR = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Grüße\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def words(self, least, most):
        return " ".join(self.random.choice(WORDS) for _ in range(self.random.randint(least, most)))

    def address(self, utf8):
        local = self.random.choice(UTF8_LOCALS if utf8 and self.random.random() < 0.5 else LOCALS)
        out = {"address": f"{local}@{self.random.choice(DOMAINS)}"}
        name = self.random.choice(NAMES)
        if name:
            out["name"] = name
        return out

    def text(self):
        lines = []
        for _ in range(self.random.randint(0, 12)):
            lines.append(self.random.choice([
                self.words(0, 8), "", ".", "..dots", "From here", "-- ", "x" * self.random.randint(900, 2500), "é" * 700,
                "trailing  ", "\ttabbed", "----=_Part_1_x", "= equals =3D", "\u2028 separator", "plain ascii line",
            ]))
        return "\n".join(lines)

    def file(self, html, number):
        roll = self.random.random()
        if roll < 0.15:
            content, kind = CALENDAR.encode(), "text/calendar; charset=utf-8; method=REQUEST"
        else:
            content, kind = self.random.randbytes(self.random.choice([0, 1, 57, 58, 700, 5000])), self.random.choice(TYPES)
        out = {"content": base64.b64encode(content).decode(), "contentType": kind}
        if self.random.random() < 0.9:
            out["filename"] = self.random.choice(FILES)
        if html and self.random.random() < 0.4:
            out["cid"] = f"part{number}@example.com"
        elif self.random.random() < 0.3:
            out["contentDisposition"] = self.random.choice(["inline", "attachment"])
        return out

    def message(self):
        utf8 = self.random.random() < 0.15
        body = {"to": [self.address(utf8) for _ in range(self.random.randint(1, 12))], "dryRun": True}
        for key in ("cc", "bcc", "replyTo"):
            if self.random.random() < 0.3:
                body[key] = [self.address(utf8) for _ in range(self.random.randint(1, 4))]
        if self.random.random() < 0.6:
            body["from"] = self.address(utf8)
        if self.random.random() < 0.9:
            body["subject"] = self.words(0, 30).replace("\t", " ")
        kind = self.random.random()
        if kind < 0.75:
            body["text"] = self.text()
        if kind > 0.4:
            inner = self.text().replace("<", "&lt;")
            body["html"] = f"<html><body><p>{inner}</p><img src=\"cid:part0@example.com\"></body></html>"
            if self.random.random() < 0.3:
                body["previewText"] = "In short: Grüße"
        body["attachments"] = [self.file("html" in body, n) for n in range(self.random.choice([0, 0, 0, 1, 2, 5]))]
        headers = {}
        if self.random.random() < 0.4:
            headers["X-Custom"] = self.words(1, 25).replace("\t", " ")
        if self.random.random() < 0.3:
            headers["List-ID"] = "News <news.example.com>"
            headers["List-Unsubscribe"] = "<https://example.com/u?" + "".join(self.random.choices(string.ascii_letters, k=300)) + ">"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        if self.random.random() < 0.3:
            headers["References"] = " ".join(f"<{n}.{'y' * 40}@example.com>" for n in range(self.random.randint(1, 30)))
        if headers:
            body["headers"] = headers
        if self.random.random() < 0.3:
            body["messageId"] = f"<{self.random.randrange(10**12)}@example.com>"
        if self.random.random() < 0.2:
            body["dsn"] = {"id": "x", "return": "full", "notify": ["failure", "delay"], "recipient": "d@example.com"}
        return body


def same(what, got, wanted):
    if got != wanted and isinstance(got, str) and len(got) > 100:
        at = next((n for n, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        raise AssertionError(f"{what} at {at}: {got[at - 9:at + 30]!r} instead of {wanted[at - 9:at + 30]!r}")
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def is_utf8(body):
    lists = [body.get(key, []) for key in ("to", "cc", "bcc", "replyTo")] + [[body["from"]] if "from" in body else []]
    return any(not entry["address"].split("@")[0].isascii() for entries in lists for entry in entries)


def lines(text):
    """The contract trims texts; line ends are the message's own."""
    return text.replace("\r\n", "\n").strip()


def check_bytes(raw, utf8):
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        raise AssertionError("a line end that is no CRLF")
    head, _, rest = raw.partition(b"\r\n\r\n")
    if not (rest.isascii() and (utf8 or head.isascii())):
        raise AssertionError("bytes above 127")
    if b"\0" in raw:
        raise AssertionError("a NUL")
    for line in raw.split(b"\r\n"):
        if len(line) > 998:
            raise AssertionError(f"a line of {len(line)} bytes")


def check_addresses(message, name, wanted):
    header = message[name]
    got = [(entry.display_name, entry.username, entry.domain) for entry in header.addresses] if header else []
    # Python keeps the blank between encoded words of a phrase, which RFC 2047 section 6.2 drops: blanks do not count.
    def ascii_domain(domain):
        return domain.encode("idna").decode()
    got = [("".join(n.split()), u, ascii_domain(d)) for n, u, d in got]
    expected = []
    for entry in wanted:
        local, domain = entry["address"].rsplit("@", 1)
        expected.append(("".join(entry.get("name", "").split()), local, ascii_domain(domain)))
    same(name, got, expected)


def check(body, raw):
    utf8 = is_utf8(body)
    check_bytes(raw, utf8)
    if utf8:
        message = email.message_from_string(raw.decode(), policy=email.policy.default.clone(utf8=True))
    else:
        message = email.message_from_bytes(raw, policy=email.policy.default)
    for part in message.walk():
        if part.defects:
            raise AssertionError(f"defects: {part.defects}")
    for key, name in (("to", "To"), ("cc", "Cc"), ("bcc", "Bcc"), ("replyTo", "Reply-To")):
        check_addresses(message, name, body.get(key, []))
    if "from" in body:
        check_addresses(message, "From", [body["from"]])
    if body.get("subject"):
        same("Subject", str(message["Subject"]), body["subject"])
    for name, value in body.get("headers", {}).items():
        same(name, str(message[name]), value)
    if "messageId" in body:
        same("Message-ID", str(message["Message-ID"]), body["messageId"])
    for name in ("Date", "Message-ID", "MIME-Version", "From", "To", "Content-Type"):
        same(f"number of {name}", len(message.get_all(name, [])), 1)
    if not re.match(r"\w{3}, \d\d? \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", str(message["Date"])):
        raise AssertionError(f"Date: {message['Date']}")

    leaves = [part for part in message.walk() if not part.is_multipart()]
    texts = []
    while leaves and leaves[0].get_content_type() in ("text/plain", "text/html") and not leaves[0].get("Content-Disposition"):
        texts.append(leaves.pop(0))
        # What the HTML shows stands right behind it.
        if texts[-1].get_content_type() == "text/html":
            break
    found = {part.get_content_type(): part.get_content() for part in texts}
    if body.get("text"):
        same("text", lines(found["text/plain"]), lines(body["text"]))
    if "html" in body:
        html = found["text/html"]
        if "previewText" in body:
            html, hidden = re.subn(r"(<body>)<div [^>]*>In short: Grüße</div>", r"\1", html)
            same("previewText", hidden, 1)
        same("html", lines(html), lines(body["html"]))

    files = body["attachments"]
    same("number of files", len(leaves), len(files))
    embedded = [f for f in files if "html" in body and "cid" in f and f.get("contentDisposition") != "attachment"]
    for part, given in zip(leaves, embedded + [f for f in files if f not in embedded]):
        same("bytes", part.get_payload(decode=True), base64.b64decode(given["content"]))
        same("type", part.get_content_type(), given["contentType"].split(";")[0])
        if "method" in given["contentType"]:
            same("method", part.get_param("method").upper(), "REQUEST")  # the contract folds types
        if "filename" in given:
            same("file name", part.get_filename(), given["filename"])
        if "cid" in given:
            same("Content-ID", str(part["Content-ID"]), f"<{given['cid']}>")
        disposition = given.get("contentDisposition") or ("inline" if "cid" in given else "attachment")
        same("disposition", part.get_content_disposition(), disposition)


def main():
    base, token, account, seed, count = sys.argv[1:]
    url = urllib.parse.urlsplit(base)
    server = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    path = f"/v1/account/{urllib.parse.quote(account)}/submit"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    maker = Maker(int(seed))
    for number in range(int(count)):
        body = maker.message()
        server.request("POST", path, json.dumps(body), headers)
        response = server.getresponse()
        answer = json.loads(response.read())
        try:
            same("status", (response.status, answer.get("message")), (200, None))
            check(body, base64.b64decode(answer["preview"]))
        except Exception as error:
            print(f"seed {seed}, message {number}: {type(error).__name__}: {error}")
            print(json.dumps(body, ensure_ascii=False)[:4000])
            if "preview" in answer:
                print(base64.b64decode(answer["preview"]).decode("utf-8", "replace")[:6000])
            return 1
    print(f"{count} messages, seed {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
