#!/usr/bin/env python3
"""How soon does the IMAP server itself push EXISTS to an idling client after APPEND by another session?  idleprobe.py [--n 5]"""

from benchlib import *


async def probe(a, user, n):
    """seconds from APPEND's OK to EXISTS at an idling client"""
    w = await Imap(a, user).open()
    c = await Imap(a, user).open()
    await w.cmd("SELECT INBOX")
    lat = []
    for i in range(n):
        w.w.write(b"i1 IDLE\r\n")
        await w.r.readline()
        await asyncio.sleep(0.3)
        await c.append(mkmsg(user, "probe", f"p{i}{time.time()}@bench"))
        t = time.time()
        while True:
            l = await asyncio.wait_for(w.r.readline(), 40)
            if b"EXISTS" in l:
                lat.append(time.time() - t)
                break
        w.w.write(b"DONE\r\n")
        await w.done("i1")
    w.close()
    c.close()
    return lat


if __name__ == "__main__":
    ap = parser(__doc__)
    ap.add_argument("--n", type=int, default=5)
    ap.add_argument("--user", default="idleprobe")
    a = ap.parse_args()
    emit(a, "idleprobe", dist(asyncio.run(probe(a, a.user, a.n)), 1000))
