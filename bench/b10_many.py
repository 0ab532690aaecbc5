#!/usr/bin/env python3
"""Very many accounts in one process, on the IMAP stub: time until all are connected, memory, idle CPU, new mail among them.
b10_many.py --token T --pid P --imap 127.0.0.1:3144 [--accounts 10000] [--idle 30] [--mails 200]"""

import random

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--accounts", type=int, default=10000)
ap.add_argument("--conc", type=int, default=16)
ap.add_argument("--settle", type=float, default=20)
ap.add_argument("--idle", type=float, default=30)
ap.add_argument("--mails", type=int, default=200)
ap.add_argument("--limit", type=float, default=900)
ap.add_argument("--goal-mb", type=float, default=512, help="fail above so much memory (MiB of PSS); 0: do not")
a = ap.parse_args()


async def register(s):
    names = iter(range(1, a.accounts + 1))

    async def some():
        for i in names:
            await api(s, a, "POST", "/v1/account", account(a, f"m{i:05d}"))

    await asyncio.gather(*(some() for _ in range(a.conc)))


async def connected(s, t0):
    """how many are connected, polled until all are"""
    total, peak = 0, 0
    while time.time() - t0 < a.limit:
        total = (await api(s, a, "GET", "/v1/accounts?page=0&pageSize=1&state=connected"))["total"]
        peak = max(peak, mem(a.pid)["pss_mb"])
        if total >= a.accounts:
            break
        await asyncio.sleep(0.5)
    return total, peak


async def mails(s):
    """one mail into each of some accounts, one after the other; webhook after APPEND's OK"""
    since = (await sink(s, a, "dump?what=hook&since=999999999"))["next"]
    sent = {}
    for k, i in enumerate(random.Random(1).sample(range(1, a.accounts + 1), min(a.mails, a.accounts))):
        user = f"m{i:05d}"
        im = await Imap(a, user).open()
        await im.append(mkmsg(user, f"many {k}", f"many{k}.{int(a.started)}@bench"))
        sent[f"<many{k}.{int(a.started)}@bench>"] = time.time()
        im.close()
        await asyncio.sleep(0.02)
    hooks = await wait_hooks(s, a, lambda x: x["event"] == "messageNew" and x["mid"] in sent, len(sent), 60, since=since)
    first = {}
    for x in hooks:
        first.setdefault(x["mid"], x["t"])
    return {
        "sent": len(sent),
        "missing": len(sent) - len(first),
        "dups": len(hooks) - len(first),
        "from_append_ok_ms": dist([first[m] - sent[m] for m in first], 1000),
    }


async def main():
    a.started = time.time()
    async with session(a) as s:
        await hooks_on(s, a, ["messageNew"])
        base = mem(a.pid)
        await quiet(a)
        c0, t0 = cpu(a.pid), time.time()
        await register(s)
        registered = time.time() - t0
        total, peak = await connected(s, t0)
        took, used = time.time() - t0, cpu(a.pid) - c0
        await asyncio.sleep(a.settle)
        m1, c1 = mem(a.pid), cpu(a.pid)
        await asyncio.sleep(a.idle)
        idle = (cpu(a.pid) - c1) / a.idle * 100
        m2 = mem(a.pid)
        news = await mails(s)
        m3 = mem(a.pid)
        emit(
            a,
            f"many:{a.accounts}",
            {
                "connected": total,
                "register_s": round(registered, 2),
                "all_connected_s": round(took, 2),
                "cpu_s_until_connected": round(used, 2),
                "base_pss_mb": base["pss_mb"],
                "peak_pss_mb": peak,
                "pss_mb": m1["pss_mb"],
                "pss_mb_after_idle": m2["pss_mb"],
                "pss_mb_after_mails": m3["pss_mb"],
                "pss_kb_per_account": round((m2["pss_mb"] - base["pss_mb"]) * 1024 / a.accounts, 1),
                "idle_cpu_pct_of_core": round(idle, 2),
                "new_mail": news,
            },
        )
        if total < a.accounts or news["missing"] or news["dups"]:
            sys.exit("not all accounts are connected, or mails were not told once")
        if a.goal_mb and m2["pss_mb"] > a.goal_mb:
            sys.exit(f"{m2['pss_mb']} MiB are above the goal of {a.goal_mb}")


asyncio.run(main())
