#!/usr/bin/env python3
"""How soon does the IMAP server itself push EXISTS to an idling client after APPEND by another session?  idleprobe.py [--n 5]"""

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--n", type=int, default=5)
ap.add_argument("--user", default="idleprobe")
a = ap.parse_args()


async def main():
    w = await Imap(a, a.user).open()
    c = await Imap(a, a.user).open()
    await w.cmd("SELECT INBOX")
    lat = []
    for i in range(a.n):
        w.w.write(b"i1 IDLE\r\n")
        await w.r.readline()
        await asyncio.sleep(0.3)
        await c.append(mkmsg(a.user, "probe", f"p{i}{time.time()}@bench"))
        t = time.time()
        while True:
            l = await asyncio.wait_for(w.r.readline(), 40)
            if b"EXISTS" in l:
                lat.append(time.time() - t)
                break
        w.w.write(b"DONE\r\n")
        await w.done("i1")
    emit(a, "idleprobe", dist(lat, 1000))


asyncio.run(main())
