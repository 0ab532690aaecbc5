#!/usr/bin/env python3
"""Write Maildir messages straight to disk (no IMAP), owner mail:mail (as root; else whoever runs it).
  mkmail.py --root .bench/dovecot/mail --user big100k --count 100000 [--size 4096] [--folder INBOX] [--seed 1] [--big-mb 20]
  mkmail.py --root .bench/dovecot/mail --users u 1 300 --count 10      (u0001..u0300)
Each message: multipart/alternative (text+html), ~size bytes, unique Message-ID, subject
'Bench NNNNNN <words>', every 100th subject has the word 'needleword'. --big-mb adds one message with an attachment of that size."""

import argparse, base64, os, pwd, random, email.utils

W = "alpha bravo report invoice meeting update quarterly server review status plan budget launch travel contract draft notes weekly summary reply order shipment ticket release agenda payment customer feedback".split()


def msg(user, i, size, rnd, now):
    subj = "Bench %06d %s" % (i, " ".join(rnd.choice(W) for _ in range(4))) + (" needleword" if i % 100 == 0 else "")
    b = "b%08x" % rnd.getrandbits(32)
    txt, n = [], max(400, (size - 900)) // 2
    while sum(map(len, txt)) < n:
        txt.append(" ".join(rnd.choice(W) for _ in range(10)) + ".\r\n")
    t = "".join(txt)
    return (
        "Return-Path: <sender%d@example.org>\r\nReceived: from mx.example.org (mx.example.org [192.0.2.1]) by mail.example.com with ESMTPS id %08x; %s\r\n"
        'From: "Sender %d" <sender%d@example.org>\r\nTo: <%s@example.com>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s.%d.%08x@example.org>\r\nMIME-Version: 1.0\r\n'
        'Content-Type: multipart/alternative; boundary="%s"\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n%s\r\n'
        "--%s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n<html><body><p>%s</p></body></html>\r\n--%s--\r\n"
    ) % (
        i % 97,
        rnd.getrandbits(32),
        email.utils.formatdate(now),
        i % 97,
        i % 97,
        user,
        subj,
        email.utils.formatdate(now),
        user,
        i,
        rnd.getrandbits(32),
        b,
        b,
        t,
        b,
        t.replace("\r\n", "<br>\r\n"),
        b,
    )


def bigmsg(user, mb, rnd):
    raw = base64.encodebytes(rnd.randbytes(int(mb * 1048576 * 0.73))).replace(b"\n", b"\r\n")
    return (
        (
            b'From: <big@example.org>\r\nTo: <%s@example.com>\r\nSubject: Bench bigfile\r\nDate: Tue, 01 Sep 2026 10:00:00 +0000\r\nMessage-ID: <big.%s@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="bb"\r\n\r\n--bb\r\nContent-Type: text/plain\r\n\r\nsee file\r\n--bb\r\nContent-Type: application/octet-stream; name="f.bin"\r\nContent-Disposition: attachment; filename="f.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
            % (user.encode(), user.encode())
        )
        + raw
        + b"--bb--\r\n"
    )


def put(cur, name, data):
    fd = os.open(os.path.join(cur, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, data)
    os.close(fd)


def box(root, user, a, uid, gid):
    md = os.path.join(root, user, "Maildir") + ("" if a.folder == "INBOX" else "/." + a.folder)
    for d in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(md, d), exist_ok=True)
    rnd = random.Random(a.seed)
    cur = os.path.join(md, "cur")
    base = 1780000000
    for i in range(1, a.count + 1):
        d = msg(user, i, a.size, rnd, base + i * 60).encode()
        nm = "%d.M%dP1.bench,S=%d:2,%s" % (base + i * 60, i, len(d), "S" if i % 3 else "")
        put(cur, nm, d)
        os.utime(os.path.join(cur, nm), (base + i * 60,) * 2)
    if a.big_mb:
        d = bigmsg(user, a.big_mb, rnd)
        put(cur, "%d.M%dP1.bench,S=%d:2," % (base + (a.count + 1) * 60, a.count + 1, len(d)), d)
    if os.getuid() != 0:
        return
    for p, ds, fs in os.walk(os.path.join(root, user)):
        os.chown(p, uid, gid)
        for f in fs:
            os.chown(os.path.join(p, f), uid, gid)


ap = argparse.ArgumentParser()
ap.add_argument("--root", default=".bench/dovecot/mail")
ap.add_argument("--user")
ap.add_argument("--users", nargs=3)
ap.add_argument("--count", type=int, default=10)
ap.add_argument("--size", type=int, default=4096)
ap.add_argument("--folder", default="INBOX")
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("--big-mb", type=float, default=0)
a = ap.parse_args()
p = pwd.getpwnam("mail")
if a.user:
    box(a.root, a.user, a, p.pw_uid, p.pw_gid)
if a.users:
    for n in range(int(a.users[1]), int(a.users[2]) + 1):
        box(a.root, "%s%04d" % (a.users[0], n), a, p.pw_uid, p.pw_gid)
