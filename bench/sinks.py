#!/usr/bin/env python3
"""Webhook sink (HTTP) and SMTP sink in one asyncio process. Loopback only.

  sinks.py [--http 127.0.0.1:3080] [--smtp 127.0.0.1:3025] [--smtp-delay 0]

HTTP: POST /anything           -> one webhook record (JSON array bodies give one record per element)
      GET  /_ctl/count?what=hook|smtp[&event=messageNew]
      GET  /_ctl/dump?what=hook|smtp&since=N  -> {"next":M,"records":[...]}
      GET  /_ctl/reset
Record (hook): {"t":arrival unix s,"event":..,"account":..,"id":..,"subject":..,"path":..,"mid":messageId}
Record (smtp): {"t":..,"from":..,"to":[..],"bench":X-Bench-Id or null,"mid":Message-ID,"size":n}
"""

import argparse, asyncio, json, time, urllib.parse, re

HOOK, SMTP = [], []


def hook_rec(t, o):
    d = o.get("data") if isinstance(o.get("data"), dict) else {}
    return {
        "t": t,
        "event": o.get("event"),
        "account": o.get("account"),
        "path": o.get("path") or d.get("path"),
        "id": d.get("id"),
        "uid": d.get("uid"),
        "subject": d.get("subject"),
        "mid": d.get("messageId"),
        "eid": o.get("eventId"),
        "queue": d.get("queueId"),
    }


async def http(r, w):
    try:
        while True:
            head = await r.readuntil(b"\r\n\r\n")
            t = time.time()
            lines = head.decode("latin1").split("\r\n")
            method, target, _ = lines[0].split(" ", 2)
            h = {k.strip().lower(): v.strip() for k, _, v in (l.partition(":") for l in lines[1:] if l)}
            if h.get("expect", "").lower() == "100-continue":
                w.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = b""
            if "chunked" in h.get("transfer-encoding", ""):
                while True:
                    n = int((await r.readline()).split(b";")[0], 16)
                    c = await r.readexactly(n)
                    await r.readexactly(2)
                    if not n:
                        break
                    body += c
            elif h.get("content-length"):
                body = await r.readexactly(int(h["content-length"]))
            out = b"ok"
            u = urllib.parse.urlsplit(target)
            q = dict(urllib.parse.parse_qsl(u.query))
            if u.path.startswith("/_ctl/"):
                src = SMTP if q.get("what") == "smtp" else HOOK
                if u.path == "/_ctl/count":
                    ev = q.get("event")
                    acc = q.get("account")
                    out = str(
                        sum(1 for x in src if (not ev or x.get("event") == ev) and (not acc or x.get("account") == acc))
                        if (ev or acc)
                        else len(src)
                    ).encode()
                elif u.path == "/_ctl/dump":
                    s = int(q.get("since", 0))
                    out = json.dumps({"next": len(src), "records": src[s:]}).encode()
                elif u.path == "/_ctl/reset":
                    HOOK.clear()
                    SMTP.clear()
            elif method == "POST":
                try:
                    o = json.loads(body)
                    for x in o if isinstance(o, list) else [o]:
                        HOOK.append(hook_rec(t, x))
                except Exception as e:
                    HOOK.append({"t": t, "event": "UNPARSED", "err": str(e), "n": len(body)})
            w.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(out) + out)
            await w.drain()
            if h.get("connection", "").lower() == "close":
                break
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        pass
    finally:
        w.close()


BID = re.compile(rb"^x-bench-id:[ \t]*(\S+)", re.I | re.M)
MID = re.compile(rb"^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)", re.I | re.M)


async def smtp(r, w, delay):
    def say(s):
        w.write(s.encode() + b"\r\n")

    frm, to = None, []
    try:
        say("220 sink ESMTP")
        while True:
            await w.drain()
            l = await r.readline()
            if not l:
                break
            c = l.strip().decode("latin1")
            u = c.upper()
            if u.startswith("EHLO"):
                say("250-sink")
                say("250-PIPELINING")
                say("250-SIZE 104857600")
                say("250-8BITMIME")
                say("250-SMTPUTF8")
                say("250 AUTH PLAIN LOGIN")
            elif u.startswith("HELO"):
                say("250 sink")
            elif u.startswith("AUTH PLAIN"):
                if len(c.split()) < 3:
                    say("334 ")
                    await w.drain()
                    await r.readline()
                say("235 2.7.0 ok")
            elif u.startswith("AUTH LOGIN"):
                if len(c.split()) < 3:
                    say("334 VXNlcm5hbWU6")
                    await w.drain()
                    await r.readline()
                say("334 UGFzc3dvcmQ6")
                await w.drain()
                await r.readline()
                say("235 2.7.0 ok")
            elif u.startswith("MAIL FROM"):
                frm, to = c[10:].split(">")[0].lstrip("<: "), []
                say("250 2.1.0 ok")
            elif u.startswith("RCPT TO"):
                to.append(c[8:].split(">")[0].lstrip("<: "))
                say("250 2.1.5 ok")
            elif u == "DATA":
                say("354 go")
                await w.drain()
                buf = await r.readline()
                if buf != b".\r\n":
                    buf += await r.readuntil(b"\r\n.\r\n")
                if delay:
                    await asyncio.sleep(delay)
                hd = buf.split(b"\r\n\r\n", 1)[0]
                b, m = BID.search(hd), MID.search(hd)
                SMTP.append(
                    {
                        "t": time.time(),
                        "from": frm,
                        "to": to,
                        "bench": b and b.group(1).decode(),
                        "mid": m and m.group(1).decode("latin1"),
                        "size": len(buf),
                    }
                )
                say("250 2.0.0 queued as %d" % len(SMTP))
            elif u == "RSET":
                frm, to = None, []
                say("250 ok")
            elif u == "NOOP":
                say("250 ok")
            elif u == "QUIT":
                say("221 bye")
                await w.drain()
                break
            else:
                say("502 5.5.2 unknown")
    except (ConnectionError, asyncio.IncompleteReadError, ValueError):
        pass
    finally:
        w.close()


async def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--http", default="127.0.0.1:3080")
    ap.add_argument("--smtp", default="127.0.0.1:3025")
    ap.add_argument("--smtp-delay", type=float, default=0)
    a = ap.parse_args()
    hh, hp = a.http.split(":")
    sh, sp = a.smtp.split(":")
    s1 = await asyncio.start_server(http, hh, int(hp), limit=1 << 24, backlog=1024)
    s2 = await asyncio.start_server(lambda r, w: smtp(r, w, a.smtp_delay), sh, int(sp), limit=1 << 26, backlog=1024)
    print("sinks up", a.http, a.smtp, flush=True)
    await asyncio.gather(s1.serve_forever(), s2.serve_forever())


try:
    import uvloop

    uvloop.run(main())
except ImportError:
    asyncio.run(main())
