#!/usr/bin/env python3
"""Listing, message detail (wrk) and 20 MB raw source download. Needs a mailbox from: mkmail.py --user read1k --count 1000 --big-mb 20
b6_read.py --token T --pid P --user read1k --conns 8,32 --runs 3 -d 10"""

import tempfile
from benchlib import *

ap = parser(__doc__)
ap.add_argument("--user", default="read1k")
ap.add_argument("--conns", default="8,32")
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("-d", type=int, default=10)
ap.add_argument("--downloads", type=int, default=6)
ap.add_argument("--skip", default="")
a = ap.parse_args()


async def main():
    P = "/v1/account/" + a.user
    async with session(a) as s:
        await api(s, a, "POST", "/v1/account", account(a, a.user))
        await wait_state(s, a, a.user)
        await asyncio.sleep(4)
        ids = []
        for pg in range(3):
            ids += [m["id"] for m in (await api(s, a, "GET", f"{P}/messages?path=INBOX&pageSize=20&page={pg}"))["messages"]]
        lst = await api(s, a, "GET", f"{P}/messages?path=INBOX&pageSize=20")
        print(json.dumps(lst["messages"][1])[:700])
        big = next(m for m in lst["messages"] if m.get("subject") == "Bench bigfile")
        ids.remove(big["id"])
        one = await api(s, a, "GET", f"{P}/message/{ids[3]}?textType=*")
        print(json.dumps(one)[:500])
        for kind in ("single", "seq"):
            lat = []
            await quiet(a)
            for i in range(50):
                t = time.time()
                await api(
                    s,
                    a,
                    "GET",
                    f"{P}/messages?path=INBOX&pageSize=20" if kind == "single" else f"{P}/message/{ids[i % len(ids)]}?textType=*",
                )
                lat.append(time.time() - t)
            emit(a, "read:latency_c1:" + ("list" if kind == "single" else "message"), dist(lat, 1000))
        lua = tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False)
        lua.write(
            "local p={"
            + ",".join(f'"{P}/message/{i}?textType=*"' for i in ids)
            + '}\nlocal n=0\nrequest=function() n=n+1; return wrk.format("GET",p[n%#p+1]) end\n'
        )
        lua.close()
        for c in map(int, a.conns.split(",")):
            for nm, path, ex in (("list", f"{P}/messages?path=INBOX&pageSize=20", ()), ("message", "/", ("-s", lua.name))):
                if nm in a.skip.split(","):
                    continue
                rs = []
                for _ in range(a.runs):
                    await quiet(a)
                    rs.append(wrk(a, path, c, a.d, extra=ex) | {"foreign": foreign(a)})
                emit(
                    a,
                    f"read:{nm}:c{c}",
                    {"median": {k: med([r[k] for r in rs]) for k in ("rps", "p50_ms", "p99_ms", "server_cpu_cores")}, "runs": rs},
                )
        out = []
        await quiet(a)
        for _ in range(a.downloads):
            t0, n, tf = time.time(), 0, None
            async with s.get(a.base + f"{P}/message/{big['id']}/source") as r:
                assert r.status == 200, r.status
                async for ch in r.content.iter_chunked(1 << 16):
                    tf = tf or time.time()
                    n += len(ch)
            out.append(
                {
                    "bytes": n,
                    "s": round(time.time() - t0, 3),
                    "ttfb_s": round(tf - t0, 3),
                    "mb_s": round(n / 1048576 / (time.time() - t0), 1),
                }
            )
        emit(
            a,
            "read:source20mb",
            {"median_mb_s": med([o["mb_s"] for o in out]), "median_s": med([o["s"] for o in out]), "runs": out, "mem_after": mem(a.pid)},
        )


asyncio.run(main())
