#!/usr/bin/env python3
"""Initial sync of big mailboxes, per indexer. Account is deleted after each run unless --keep.
b4_sync.py --token T --pid P --redis .. --users big10k,big100k --indexers full,fast --runs 3
--store FILE: the SQLite file of the server; store_bytes is by how much its used pages grew."""

import sqlite3

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--users", default="big10k,big100k")
ap.add_argument("--indexers", default="full,fast")
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("--keep", action="store_true")
ap.add_argument("--limit", type=float, default=300)
ap.add_argument("--store", default="")
ap.add_argument("--pass", dest="background", type=float, default=3, help="seconds until the store is looked at: background work of that time is in it")
a = ap.parse_args()


def store_bytes():
    if not a.store:
        return None
    db = sqlite3.connect(f"file:{a.store}?mode=ro", uri=True)
    try:
        pages, free, size = (db.execute(f"PRAGMA {k}").fetchone()[0] for k in ("page_count", "freelist_count", "page_size"))
        return (pages - free) * size
    finally:
        db.close()


async def main():
    async with session(a) as s:
        await hooks_on(s, a)
        for u in a.users.split(","):
            for ix in a.indexers.split(","):
                rs = []
                for k in range(a.runs):
                    await quiet(a)
                    r0, m0, c0, b0 = redis_mem(a), mem(a.pid), cpu(a.pid), store_bytes()
                    nx = (await sink(s, a, "dump?what=hook&since=999999999"))["next"]
                    t0 = time.time()
                    await api(s, a, "POST", "/v1/account", account(a, u, imapIndexer=ix))
                    rec = {"run": k}
                    pk = 0
                    while time.time() - t0 < a.limit:
                        d = await api(s, a, "GET", "/v1/account/" + u)
                        pk = max(pk, mem(a.pid)["pss_mb"])
                        if d["state"] == "connected" and "connected_s" not in rec:
                            rec["connected_s"] = round(time.time() - t0, 3)
                        if "connected_s" in rec and (d.get("syncTime") and "synctime_s" not in rec):
                            rec["synctime_s"] = round(time.time() - t0, 3)
                        dd = await sink(s, a, f"dump?what=hook&since={nx}")
                        ini = [x for x in dd["records"] if x["account"] == u and x["event"] == "accountInitialized"]
                        if ini:
                            rec["initialized_s"] = round(ini[0]["t"] - t0, 3)
                        if ini and "connected_s" in rec:
                            break
                        await asyncio.sleep(0.2)
                    rec["foreign"] = foreign(a)
                    b1 = store_bytes()
                    await asyncio.sleep(a.background)
                    b2 = store_bytes()
                    r1 = redis_mem(a)
                    rec |= {
                        "cpu_s": round(cpu(a.pid) - c0, 2),
                        "redis_bytes": r1 and r1 - r0,
                        "store_bytes": b1 and b1 - b0,
                        "store_bytes_later": b2 and b2 - b0,
                        "pss_delta_mb": round(mem(a.pid)["pss_mb"] - m0["pss_mb"], 1),
                        "peak_pss_mb": pk,
                    }
                    rs.append(rec)
                    print(rec, flush=True)
                    if not (a.keep and k == a.runs - 1):
                        await api(s, a, "DELETE", "/v1/account/" + u)
                        await asyncio.sleep(4)
                emit(
                    a,
                    f"sync:{u}:{ix}",
                    {
                        "median": {
                            k: med([r.get(k) for r in rs]) for k in ("connected_s", "initialized_s", "cpu_s", "redis_bytes", "store_bytes", "store_bytes_later", "pss_delta_mb")
                        },
                        "runs": rs,
                    },
                )


asyncio.run(main())
