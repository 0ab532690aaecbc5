#!/usr/bin/env python3
"""Submit --count messages with --conc clients; X-Bench-Id per message; delivered rate at the SMTP sink.
b7_submit.py --token T --pid P --count 1000 --conc 16 --runs 3"""

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--count", type=int, default=1000)
ap.add_argument("--conc", type=int, default=16)
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("--limit", type=float, default=240)
ap.add_argument("--accounts", type=int, default=1)
ap.add_argument("--send-only", action="store_true", help="accounts without IMAP: no copies in Sent")
a = ap.parse_args()


async def main():
    tag = f"{int(time.time()):x}"
    async with session(a) as s:
        us = [f"sb{tag}{k}" for k in range(a.accounts)]
        await hooks_on(s, a)
        for u in us:
            one = account(a, u)
            if a.send_only:
                del one["imap"]
            await api(s, a, "POST", "/v1/account", one)
            await wait_state(s, a, u, "unset" if a.send_only else "connected")
        await asyncio.sleep(4)
        for r in range(a.runs):
            await quiet(a)
            lat, err = [], []
            nx = (await sink(s, a, "dump?what=smtp&since=999999999"))["next"]
            c0, t0, rm0 = cpu(a.pid), time.time(), redis_mem(a)

            async def client(numbers):
                wire = Wire(a)
                for i in numbers:
                    t = time.time()
                    try:
                        await wire.post(
                            f"/v1/account/{us[i % len(us)]}/submit",
                            {
                                "to": [{"address": f"rcpt{i}@example.net"}],
                                "subject": f"submit {i}",
                                "text": "hello world " * 80,
                                "html": "<p>" + "hello world " * 80 + "</p>",
                                "headers": {"X-Bench-Id": f"{tag}-{r}-{i}"},
                            },
                        )
                        lat.append(time.time() - t)
                    except Exception as e:
                        err.append(str(e)[:200])
                wire.close()

            await asyncio.gather(*(client(range(k, a.count, a.conc)) for k in range(a.conc)))
            tq = time.time() - t0
            got, last = [], time.time()
            while len(got) < len(lat) and time.time() - t0 < a.limit and time.time() - last < 30:
                d = await sink(s, a, f"dump?what=smtp&since={nx}")
                nx = d["next"]
                new = [x for x in d["records"] if (x["bench"] or "").startswith(f"{tag}-{r}-")]
                if new:
                    last = time.time()
                    got += new
                await asyncio.sleep(0.2)
            tl = max((x["t"] for x in got), default=time.time()) - t0
            emit(
                a,
                "submit",
                {
                    "count": a.count,
                    "accepted": len(lat),
                    "errors": err[:3],
                    "queue_rps": round(len(lat) / tq, 1),
                    "submit_ms": dist(lat, 1000),
                    "delivered": len(got),
                    "unique": len({x["bench"] for x in got}),
                    "delivered_total_s": round(tl, 2),
                    "delivered_per_s": round(len(got) / tl, 1),
                    "cpu_s": round(cpu(a.pid) - c0, 2),
                    "redis_delta": (redis_mem(a) or 0) - (rm0 or 0),
                    "mem": mem(a.pid),
                },
            )
            await asyncio.sleep(3)


asyncio.run(main())
