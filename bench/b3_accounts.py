#!/usr/bin/env python3
"""Register accounts up to each step of --steps (cumulative u0001..), time until all 'connected', memory per account, idle CPU.
b3_accounts.py --token T --pid P --redis 127.0.0.1:6390/8 --redis-pid R --steps 10,100,300 [--idle 60] [--settle 20] [--conc 8]"""

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--steps", default="10,100,300")
ap.add_argument("--idle", type=float, default=60)
ap.add_argument("--settle", type=float, default=20)
ap.add_argument("--conc", type=int, default=8)
ap.add_argument("--prefix", default="u")
ap.add_argument("--limit", type=float, default=300)
ap.add_argument("--dovecot-pid", type=int, default=0)
a = ap.parse_args()


async def main():
    async with session(a) as s:
        await hooks_on(s, a)
        m0, r0 = mem(a.pid), redis_mem(a)
        have = 0
        base = dict(m0)
        rbase = r0
        emit(a, "accounts:base", {**m0, "redis_used": r0})
        for n in map(int, a.steps.split(",")):
            await quiet(a)
            sem = asyncio.Semaphore(a.conc)
            lat = []
            c0 = cpu(a.pid)
            t0 = time.time()

            async def one(i):
                async with sem:
                    x = time.time()
                    await api(s, a, "POST", "/v1/account", account(a, f"{a.prefix}{i:04d}"))
                    lat.append(time.time() - x)

            await asyncio.gather(*(one(i) for i in range(have + 1, n + 1)))
            tp = time.time() - t0
            tot = 0
            while time.time() - t0 < a.limit:
                d = await api(s, a, "GET", "/v1/accounts?page=0&pageSize=1&state=connected")
                tot = d["total"]
                if tot >= n:
                    break
                await asyncio.sleep(0.25)
            fc = foreign(a)
            tc = time.time() - t0
            ccpu = cpu(a.pid) - c0
            await asyncio.sleep(a.settle)
            m1, r1 = mem(a.pid), redis_mem(a)
            rp = mem([a.redis_pid]) if a.redis_pid else {}
            c1, d1 = cpu(a.pid), cpu([a.redis_pid]) if a.redis_pid else 0
            e1 = cpu([a.dovecot_pid]) if a.dovecot_pid else 0
            await asyncio.sleep(a.idle)
            c2 = cpu(a.pid)
            d2 = cpu([a.redis_pid]) if a.redis_pid else 0
            e2 = cpu([a.dovecot_pid]) if a.dovecot_pid else 0
            m2 = mem(a.pid)
            emit(
                a,
                f"accounts:{n}",
                {
                    "added": n - have,
                    "connected": tot,
                    "register_s": round(tp, 2),
                    "register_rps": round((n - have) / tp, 1),
                    "register_ms": dist(lat, 1000),
                    "all_connected_s": round(tc, 2),
                    "foreign_while_connecting": fc,
                    "cpu_s_until_connected": round(ccpu, 2),
                    "pss_mb": m1["pss_mb"],
                    "pss_mb_after_idle": m2["pss_mb"],
                    "pss_kb_per_account_step": round((m1["pss_mb"] - m0["pss_mb"]) * 1024 / (n - have), 1),
                    "pss_kb_per_account_total": round((m1["pss_mb"] - base["pss_mb"]) * 1024 / n, 1),
                    "redis_used": r1,
                    "redis_bytes_per_account": r1 and round((r1 - r0) / (n - have)),
                    "redis_pss_mb": rp.get("pss_mb"),
                    "idle_cpu_pct_of_core": round((c2 - c1) / a.idle * 100, 2),
                    "redis_idle_cpu_pct": round((d2 - d1) / a.idle * 100, 2),
                    "dovecot_idle_cpu_pct": round((e2 - e1) / a.idle * 100, 2),
                },
            )
            have, m0, r0 = n, m2, redis_mem(a)


asyncio.run(main())
