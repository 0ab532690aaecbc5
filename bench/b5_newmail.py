#!/usr/bin/env python3
"""messageNew latency and burst. Registers its own accounts.
fleet : --fleet K accounts, --rounds R, one APPEND per account and round, account gap >= --round-gap s (connection is idling when the mail comes)
hot   : --hot N messages closed loop into one account (next APPEND right after the previous webhook); runs beside the fleet
burst : --burst N pipelined APPENDs into one account, --burst-runs times
b5_newmail.py --token T --pid P --fleet 20 --rounds 10 --round-gap 20 --hot 10 --burst 1000 --burst-runs 3"""

from benchlib import *
from idleprobe import probe

ap = parser(__doc__)
ap.add_argument("--hot", dest="single", type=int, default=10)
ap.add_argument("--fleet", type=int, default=20)
ap.add_argument("--rounds", type=int, default=10)
ap.add_argument("--round-gap", type=float, default=20)
ap.add_argument("--burst", type=int, default=1000)
ap.add_argument("--burst-runs", type=int, default=3)
ap.add_argument("--probe", type=int, default=20, help="mails to find out how soon the IMAP server itself tells (0: do not)")
ap.add_argument("--limit", type=float, default=180)
ap.add_argument("--prefix", default="nm")
ap.add_argument("--gap", type=float, default=0.05)
a = ap.parse_args()


floor = {}


def over_floor(lat):
    """how much later than the IMAP server's own push, at the same quantile"""
    got = dist(lat, 1000)
    return {k: round(got[k] - floor[k], 2) for k in ("p50", "p99")} if floor.get("n") and got.get("n") else None


async def ready(s, u):
    await api(s, a, "POST", "/v1/account", account(a, u))
    await wait_state(s, a, u)
    await asyncio.sleep(4)


async def fleet(s, tag):
    us = [f"{a.prefix}{tag}f{k}" for k in range(a.fleet)]
    for u in us:
        await api(s, a, "POST", "/v1/account", account(a, u))
    ims = []
    for u in us:
        await wait_state(s, a, u)
        ims.append(await Imap(a, u).open())
    await asyncio.sleep(20)
    await quiet(a)
    nx = (await sink(s, a, "dump?what=hook&since=999999999"))["next"]
    ok, st = {}, {}
    for r in range(a.rounds):
        t0 = time.time()
        for k, im in enumerate(ims):
            mid = f"<f{r}.{k}.{tag}@bench>"
            st[mid] = time.time()
            await im.append(mkmsg(us[k], f"fleet {r} {k}", mid[1:-1]))
            ok[mid] = time.time()
            await asyncio.sleep(max(0, t0 + (k + 1) * a.round_gap / a.fleet - time.time()))
    hk = await wait_hooks(s, a, lambda x: x["event"] == "messageNew" and x["mid"] in ok, len(ok), 60, since=nx)
    first = {}
    for x in hk:
        first.setdefault(x["mid"], x["t"])
    for im in ims:
        im.close()
    emit(
        a,
        "newmail:fleet",
        {
            "from_append_ok_ms": dist([first[m] - ok[m] for m in first], 1000),
            "floor_ms": floor,
            "over_floor_ms": over_floor([first[m] - ok[m] for m in first]),
            "from_append_start_ms": dist([first[m] - st[m] for m in first], 1000),
            "sent": len(ok),
            "missing": len(ok) - len(first),
            "dups": len(hk) - len(first),
            "mem": mem(a.pid),
        },
    )


async def hot(s, tag):
    r = 0
    u = f"{a.prefix}{tag}s{r}"
    await ready(s, u)
    im = await Imap(a, u).open()
    lat, lat0, miss = [], [], 0
    nx = (await sink(s, a, "dump?what=hook&since=999999999"))["next"]
    for i in range(a.single):
        m = mkmsg(u, f"single {i}", f"s{i}.{tag}.{r}@bench")
        t0 = time.time()
        await im.append(m)
        t1 = time.time()
        hit = None
        while time.time() - t1 < 20 and not hit:
            d = await sink(s, a, f"dump?what=hook&since={nx}")
            nx = d["next"]
            hit = next((x for x in d["records"] if x["event"] == "messageNew" and f"s{i}.{tag}.{r}@bench" in (x["mid"] or "")), None)
            if not hit:
                await asyncio.sleep(0.02)
        if hit:
            lat.append(hit["t"] - t1)
            lat0.append(hit["t"] - t0)
        else:
            miss += 1
        await asyncio.sleep(a.gap)
    im.close()
    emit(
        a,
        "newmail:hot",
        {"from_append_ok_ms": dist(lat, 1000), "over_floor_ms": over_floor(lat), "from_append_start_ms": dist(lat0, 1000), "missing": miss, "mem": mem(a.pid)},
    )


async def main():
    tag = f"{int(time.time()):x}"
    async with session(a) as s:
        await hooks_on(s, a)
        if a.probe:
            floor.update(dist(await probe(a, f"{a.prefix}{tag}probe", a.probe), 1000))
        await asyncio.gather(*([fleet(s, tag)] if a.fleet else []), *([hot(s, tag)] if a.single else []))
        for r in range(a.burst_runs if a.burst else 0):
            u = f"{a.prefix}{tag}b{r}"
            await ready(s, u)
            await asyncio.sleep(16)
            im = await Imap(a, u).open()
            await quiet(a)
            nx = (await sink(s, a, "dump?what=hook&since=999999999"))["next"]
            c0, t0 = cpu(a.pid), time.time()
            tags = []
            okt = {}
            for i in range(a.burst):
                tags.append((i, im.send_append(mkmsg(u, f"burst {i}", f"b{i}.{tag}.{r}@bench"))))
                if len(tags) >= 20:
                    await im.w.drain()
                    for j, t in tags:
                        await im.done(t)
                        okt[j] = time.time()
                    tags = []
            await im.w.drain()
            for j, t in tags:
                await im.done(t)
                okt[j] = time.time()
            ta = time.time()
            hk = await wait_hooks(
                s,
                a,
                lambda x: x["event"] == "messageNew" and x["account"] == u and x["mid"] and f".{tag}.{r}@" in x["mid"],
                a.burst,
                a.limit,
                idle=30,
                since=nx,
            )
            by = {}
            for x in hk:
                by.setdefault(x["mid"], []).append(x["t"])
            lat = [by[f"<b{i}.{tag}.{r}@bench>"][0] - okt[i] for i in range(a.burst) if f"<b{i}.{tag}.{r}@bench>" in by]
            tl = max((x["t"] for x in hk), default=ta)
            emit(
                a,
                "newmail:burst",
                {
                    "sent": a.burst,
                    "hooks": len(hk),
                    "unique": len(by),
                    "append_s": round(ta - t0, 2),
                    "total_s": round(tl - t0, 2),
                    "hooks_per_s": round(len(hk) / (tl - t0), 1),
                    "lag_ms": dist(lat, 1000),
                    "cpu_s": round(cpu(a.pid) - c0, 2),
                },
            )
            im.close()


asyncio.run(main())
