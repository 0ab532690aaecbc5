"""Shared helpers for the harness (Python 3.11, aiohttp)."""

import argparse, asyncio, json, os, re, subprocess, sys, time
import aiohttp

TICK = os.sysconf("SC_CLK_TCK")


def parser(desc):
    ap = argparse.ArgumentParser(description=desc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--base", default="http://127.0.0.1:3000")
    ap.add_argument("--token", default=os.environ.get("BENCH_TOKEN", ""))
    ap.add_argument("--pid", type=int, action="append", default=[], help="root pid of the server (children are added)")
    ap.add_argument("--redis", default="", help="host:port/db of the store, if any")
    ap.add_argument("--redis-pid", type=int, default=0)
    ap.add_argument("--imap", default="127.0.0.1:3143")
    ap.add_argument("--smtp", default="127.0.0.1:3025")
    ap.add_argument("--sink", default="http://127.0.0.1:3080")
    ap.add_argument("--out", default="", help="append one JSON line per result here")
    ap.add_argument("--label", default="")
    ap.add_argument(
        "--other-pid", type=int, action="append", default=[], help="sinks, dovecot master: counted as bench CPU, not as foreign"
    )
    ap.add_argument("--quiet", type=float, default=60, help="wait up to S s for a quiet machine before each timed run (0: off)")
    return ap


def tree(pids):
    kids = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                st = open(f"/proc/{d}/stat").read()
                pp = int(st.rsplit(")", 1)[1].split()[1])
                kids.setdefault(pp, []).append(int(d))
            except OSError:
                pass
    out, todo = [], list(pids)
    while todo:
        p = todo.pop()
        if p not in out:
            out.append(p)
            todo += kids.get(p, [])
    return out


def mem(pids):
    r = {"pss_mb": 0.0, "rss_mb": 0.0, "procs": 0}
    for p in tree(pids):
        try:
            s = open(f"/proc/{p}/smaps_rollup").read()
        except OSError:
            continue
        g = lambda k: int(re.search(k + r":\s+(\d+)", s).group(1)) / 1024
        r["pss_mb"] += g("Pss")
        r["rss_mb"] += g("Rss")
        r["procs"] += 1
    return {k: round(v, 2) for k, v in r.items()}


def cpu(pids):
    t = 0
    for p in tree(pids):
        try:
            f = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
            t += int(f[11]) + int(f[12])
        except OSError:
            pass
    return t / TICK


def redis_cmd(a, *args):
    if not a.redis:
        return None
    h, _, rest = a.redis.partition(":")
    port, _, db = rest.partition("/")
    return subprocess.run(
        ["redis-cli", "-h", h, "-p", port, "-n", db or "0", *map(str, args)], capture_output=True, text=True
    ).stdout.strip()


def redis_mem(a):
    s = redis_cmd(a, "info", "memory")
    return int(re.search(r"used_memory:(\d+)", s).group(1)) if s else None


def pct(v, p):
    v = sorted(v)
    return v[min(len(v) - 1, max(0, round(p / 100 * len(v) + 0.5) - 1))] if v else None


def dist(v, scale=1.0, nd=2):
    return (
        {
            k: round(x * scale, nd)
            for k, x in (("min", min(v)), ("p50", pct(v, 50)), ("p95", pct(v, 95)), ("p99", pct(v, 99)), ("max", max(v)))
        }
        | {"n": len(v)}
        if v
        else {"n": 0}
    )


def _own(a):
    """CPU seconds of everything that belongs to the bench (server, redis, sinks, dovecot, this script and its children)"""
    import resource

    t = cpu(a.pid) + (cpu([a.redis_pid]) if a.redis_pid else 0) + sum(cpu([p]) for p in a.other_pid)
    for p in a.other_pid + a.pid:
        try:
            f = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
            t += (int(f[13]) + int(f[14])) / TICK
        except OSError:
            pass
    for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        u = resource.getrusage(w)
        t += u.ru_utime + u.ru_stime
    return t


def _busy():
    f = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    return (sum(f) - f[3] - f[4]) / TICK


_mark = None


def mark(a):
    """start of a measured window, for foreign_cores"""
    global _mark
    _mark = (time.time(), _busy(), _own(a))


def foreign(a):
    """cores used by processes that are not part of the bench since mark()"""
    if not _mark:
        return None
    t, b, o = _mark
    return round(((_busy() - b) - (_own(a) - o)) / max(time.time() - t, 1e-3), 2)


async def quiet(a, limit=None, thr=0.15, win=3):
    """wait (at most --quiet s) for a window of `win` s in which foreign processes use < thr cores, then mark()"""
    limit = a.quiet if limit is None else limit
    t0 = time.time()
    while limit and time.time() - t0 < limit:
        mark(a)
        await asyncio.sleep(win)
        if (foreign(a) or 0) < thr:
            break
    mark(a)
    return round(time.time() - t0, 1)


def emit(a, name, d):
    rec = {"test": name, "label": a.label, "at": time.strftime("%H:%M:%S"), "foreign_cores": foreign(a), **d}
    print(json.dumps(rec), flush=True)
    if a.out:
        open(a.out, "a").write(json.dumps(rec) + "\n")


def session(a, n=64):
    return aiohttp.ClientSession(
        headers={"Authorization": "Bearer " + a.token}, connector=aiohttp.TCPConnector(limit=n), timeout=aiohttp.ClientTimeout(total=300)
    )


async def api(s, a, method, path, body=None, ok=(200,)):
    async with s.request(method, a.base + path, json=body) as r:
        t = await r.text()
        if r.status not in ok:
            raise RuntimeError(f"{method} {path} -> {r.status} {t[:400]}")
        return json.loads(t) if t else None


class Wire:
    """One kept-alive HTTP/1.1 connection that costs little itself, for rates that the library above would limit."""

    def __init__(self, a):
        self.host = a.base.split("://", 1)[1]
        self.auth = a.token
        self.streams = None

    async def post(self, path, body):
        if not self.streams:
            self.streams = await asyncio.open_connection(*self.host.split(":"))
        r, w = self.streams
        b = json.dumps(body).encode()
        w.write(
            f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {self.auth}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(b)}\r\n\r\n".encode() + b
        )
        head = (await r.readuntil(b"\r\n\r\n")).lower()
        answer = await r.readexactly(int(head.split(b"content-length:", 1)[1].split(b"\r", 1)[0]))
        if head[9:12] != b"200":
            raise RuntimeError(f"POST {path} -> {head[9:12].decode()} {answer[:400]}")

    def close(self):
        if self.streams:
            self.streams[1].close()


async def sink(s, a, path):
    async with s.get(a.sink + "/_ctl/" + path) as r:
        t = await r.text()
        return json.loads(t) if t[:1] in "{[0123456789" else t


async def hooks_on(s, a, events=("*",)):
    await api(s, a, "POST", "/v1/settings", {"webhooksEnabled": True, "webhooks": a.sink + "/hook", "webhookEvents": list(events)})


def account(a, user, **kw):
    ih, ip = a.imap.split(":")
    sh, sp = a.smtp.split(":")
    au = {"user": user, "pass": "pass"}
    return {
        "account": user,
        "name": user,
        "email": user + "@example.com",
        "imap": {"host": ih, "port": int(ip), "secure": False, "auth": au},
        "smtp": {"host": sh, "port": int(sp), "secure": False, "auth": au},
        **kw,
    }


async def wait_state(s, a, user, want="connected", limit=300, step=0.1):
    t0 = time.time()
    while time.time() - t0 < limit:
        d = await api(s, a, "GET", "/v1/account/" + user)
        if d.get("state") == want:
            return time.time() - t0
        await asyncio.sleep(step)
    raise TimeoutError(f"{user} not {want}: {d.get('state')} {d.get('lastError')}")


async def wait_synced(s, a, user, limit=600):
    """connected AND a non-null syncTime (when the API reports one)"""
    t0 = time.time()
    while time.time() - t0 < limit:
        d = await api(s, a, "GET", "/v1/account/" + user)
        if d.get("state") == "connected" and d.get("syncTime"):
            return time.time() - t0
        await asyncio.sleep(0.1)
    raise TimeoutError(user)


async def wait_hooks(s, a, pred, need, limit=300, idle=None, since=0):
    """poll the sink until `need` records satisfy pred; returns them (may be fewer on timeout / idle seconds without progress)"""
    got, nxt, t0, last = [], since, time.time(), time.time()
    while time.time() - t0 < limit and len(got) < need:
        d = await sink(s, a, f"dump?what=hook&since={nxt}")
        nxt = d["next"]
        new = [r for r in d["records"] if pred(r)]
        if new:
            last = time.time()
            got += new
        if idle and time.time() - last > idle:
            break
        if len(got) < need:
            await asyncio.sleep(0.1)
    return got


class Imap:
    """tiny asyncio IMAP client: LOGIN, APPEND, generic command"""

    def __init__(self, a, user):
        self.a, self.u, self.n = a, user, 0

    async def open(self):
        h, p = self.a.imap.split(":")
        self.r, self.w = await asyncio.open_connection(h, int(p), limit=1 << 26)
        await self.r.readline()
        await self.cmd(f"LOGIN {self.u} pass")
        return self

    async def cmd(self, line):
        self.n += 1
        tag = f"x{self.n}"
        self.w.write(f"{tag} {line}\r\n".encode())
        return await self.done(tag)

    async def done(self, tag):
        out = []
        while True:
            l = (await self.r.readline()).decode("latin1")
            if not l:
                raise ConnectionError("imap closed")
            out.append(l)
            if l.startswith(tag + " "):
                if not l.startswith(tag + " OK"):
                    raise RuntimeError(l)
                return out

    def send_append(self, msg, box="INBOX"):
        self.n += 1
        tag = f"x{self.n}"
        self.w.write(f"{tag} APPEND {box} {{{len(msg)}+}}\r\n".encode() + msg + b"\r\n")
        return tag

    async def append(self, msg, box="INBOX"):
        tag = self.send_append(msg, box)
        await self.w.drain()
        await self.done(tag)

    def close(self):
        self.w.close()


def mkmsg(user, subj, mid, size=4096, frm="sender@example.org"):
    body = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod.\r\n" * (size // 72 // 2 + 1)
    return (
        f'From: Bench Sender <{frm}>\r\nTo: <{user}@example.com>\r\nSubject: {subj}\r\nDate: {time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())}\r\nMessage-ID: <{mid}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="qq"\r\n\r\n--qq\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n--qq\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{body}</p>\r\n--qq--\r\n'
    ).encode()


def wrk(a, path, c, secs, token=None, extra=()):
    """wrk -t1 -cC -dS --latency -> dict"""
    cmd = [
        "wrk",
        "-t1",
        f"-c{c}",
        f"-d{secs}s",
        "--timeout",
        "30s",
        "--latency",
        "-H",
        "Authorization: Bearer " + (token if token is not None else a.token),
        *extra,
        a.base + path,
    ]
    c0, t0 = cpu(a.pid), time.time()
    o = subprocess.run(cmd, capture_output=True, text=True).stdout
    c1, t1 = cpu(a.pid), time.time()
    ms = lambda s: (lambda m: round(float(m.group(1)) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[m.group(2)], 3) if m else None)(
        re.match(r"([\d.]+)(us|ms|s|m)$", s or "")
    )
    g = lambda rx: (lambda m: m.group(1) if m else None)(re.search(rx, o))
    bad = g(r"Non-2xx or 3xx responses: (\d+)")
    se = g(r"Socket errors: (.*)")
    tr = re.search(r"Transfer/sec:\s+([\d.]+)(\w+)", o)
    return {
        "rps": float(g(r"Requests/sec:\s+([\d.]+)") or 0),
        "p50_ms": ms(g(r"50%\s+(\S+)")),
        "p90_ms": ms(g(r"90%\s+(\S+)")),
        "p99_ms": ms(g(r"99%\s+(\S+)")),
        "non2xx": int(bad or 0),
        "sockerr": se,
        "transfer": "".join(tr.groups()) if tr else None,
        "server_cpu_cores": round((c1 - c0) / (t1 - t0), 2),
        "c": c,
        "d": secs,
    }


def med(v):
    v = sorted(x for x in v if x is not None)
    return v[len(v) // 2] if v else None
