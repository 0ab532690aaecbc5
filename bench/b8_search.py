#!/usr/bin/env python3
"""POST /search latency in a big mailbox (account must not exist yet, or pass --noreg).
b8_search.py --token T --pid P --user big100k --runs 30"""

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--user", default="big100k")
ap.add_argument("--runs", type=int, default=30)
ap.add_argument("--noreg", action="store_true")
ap.add_argument("--indexer", default="full")
a = ap.parse_args()


async def main():
    P = "/v1/account/" + a.user
    async with session(a) as s:
        if not a.noreg:
            await hooks_on(s, a)
            nx = (await sink(s, a, "dump?what=hook&since=999999999"))["next"]
            await api(s, a, "POST", "/v1/account", account(a, a.user, imapIndexer=a.indexer))
            await wait_state(s, a, a.user)
            await wait_hooks(s, a, lambda x: x["account"] == a.user and x["event"] == "accountInitialized", 1, 300, since=nx)
            await asyncio.sleep(3)
        for nm, q, page in (
            ("subject_1000_hits", {"subject": "needleword"}, 0),
            ("subject_0_hits", {"subject": "zzznomatch"}, 0),
            ("subject_1_hit", {"subject": "Bench 054321"}, 0),
            ("subject_many_hits", {"subject": "report"}, 0),
            ("from+unseen", {"from": "sender7@", "unseen": True}, 0),
        ):
            lat = []
            tot = None
            await quiet(a)
            err = []
            raw = []
            n = 0
            for _ in range(a.runs):
                t = time.time()
                try:
                    d = await api(s, a, "POST", f"{P}/search?path=INBOX&pageSize=20&page={page}", {"search": q})
                    lat.append(time.time() - t)
                    tot = d.get("total")
                except Exception as e:
                    err.append(f"{time.time() - t:.1f}s {e}"[:160])
                    n += 1
                if n >= 3:
                    break
            if "unseen" not in q:
                im = await Imap(a, a.user).open()
                await im.cmd("SELECT INBOX")
                for _ in range(5):
                    t = time.time()
                    await im.cmd(f'UID SEARCH SUBJECT "{q["subject"]}"')
                    raw.append(time.time() - t)
                im.close()
            emit(
                a,
                f"search:{nm}",
                {
                    "total": tot,
                    "first_ms": round(lat[0] * 1000, 1) if lat else None,
                    "ms": dist(lat[1:], 1000),
                    "errors": err,
                    "direct_imap_search_ms": dist(raw, 1000),
                },
            )
        lat = []
        for pg in (0, 100, 2500, 4999):
            t = time.time()
            try:
                d = await api(s, a, "GET", f"{P}/messages?path=INBOX&pageSize=20&page={pg}")
                lat.append((pg, round((time.time() - t) * 1000, 1), len(d["messages"])))
            except Exception as e:
                lat.append((pg, str(e)[:120], 0))
        emit(a, "search:deep_listing", {"page_ms_n": lat})


asyncio.run(main())
