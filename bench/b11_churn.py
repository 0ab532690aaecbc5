#!/usr/bin/env python3
"""Memory over a long run of changes: mail comes, is flagged, moved and thrown away in N mailboxes, whose size stays the same.
b11_churn.py --token T --pid P [--accounts 100] [--minutes 30] [--rate 20] [--keep 30]
Prints PSS over time; fails when the last third needs more than the middle third by --growth percent and 2 MB,
or when the server is busy once the changes have ended."""

import random

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--accounts", type=int, default=100)
ap.add_argument("--minutes", type=float, default=30)
ap.add_argument("--rate", type=float, default=20, help="changes a second, all accounts together")
ap.add_argument("--keep", type=int, default=30, help="messages in each mailbox, about")
ap.add_argument("--every", type=float, default=15, help="seconds between two looks at the memory")
ap.add_argument("--growth", type=float, default=3, help="percent")
ap.add_argument("--idle", type=float, default=5, help="percent of a core that it may use when nothing happens")
ap.add_argument("--prefix", default="churn")
a = ap.parse_args()


class Box:
    """one mailbox and the client that changes it"""

    def __init__(self, user):
        self.user, self.uids = user, []

    async def open(self):
        self.im = await Imap(a, self.user).open()
        await self.im.cmd("SELECT INBOX")
        found = await self.im.cmd("UID SEARCH ALL")
        line = next((l for l in found if l.startswith("* SEARCH")), "* SEARCH")
        self.uids = [int(w) for w in line.split()[2:]]
        return self

    async def append(self, n):
        tag = self.im.send_append(mkmsg(self.user, f"churn {n}", f"churn{n}.{self.user}@bench", size=1024))
        await self.im.w.drain()
        done = (await self.im.done(tag))[-1]
        self.uids.append(int(re.search(r"APPENDUID \d+ (\d+)", done).group(1)))

    async def change(self, rnd, n):
        """what it did"""
        kind = rnd.random()
        if len(self.uids) < a.keep or kind < 0.35 and len(self.uids) < a.keep * 2:
            await self.append(n)
            return "append"
        uid = rnd.choice(self.uids)
        if kind < 0.65:
            sign, flag = rnd.choice("+-"), rnd.choice(["\\Seen", "\\Flagged", "Work"])
            await self.im.cmd(f"UID STORE {uid} {sign}FLAGS.SILENT ({flag})")
            return "flag"
        self.uids.remove(uid)
        if kind < 0.75:
            await self.im.cmd(f"UID MOVE {uid} Trash")
            return "move"
        await self.im.cmd(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        await self.im.cmd(f"UID EXPUNGE {uid}")
        return "delete"


async def empty_trash(box):
    """what was moved away goes too, so that nothing grows but the server's own"""
    await box.im.cmd("SELECT Trash")
    await box.im.cmd("UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
    await box.im.cmd("EXPUNGE")
    await box.im.cmd("SELECT INBOX")


async def main():
    rnd = random.Random(1)
    async with session(a) as s:
        await hooks_on(s, a)
        boxes = [Box(f"{a.prefix}{i:03d}") for i in range(a.accounts)]
        for box in boxes:
            await box.open()
            while len(box.uids) < a.keep:
                await box.append(rnd.randrange(1 << 40))
        for box in boxes:
            await api(s, a, "POST", "/v1/account", account(a, box.user))
        for box in boxes:
            await wait_state(s, a, box.user)
        await asyncio.sleep(10)
        mark(a)
        c0, t0, n = cpu(a.pid), time.time(), 0
        end, look = t0 + a.minutes * 60, t0
        curve, done = [], {}
        h0 = await sink(s, a, "count?what=hook")
        while time.time() < end:
            if time.time() >= look:
                look += a.every
                curve.append((round(time.time() - t0), mem(a.pid)["pss_mb"]))
                print(f"{curve[-1][0]:6d} s  {curve[-1][1]:8.2f} MB  {n} changes", flush=True)
            what = await boxes[rnd.randrange(len(boxes))].change(rnd, n)
            done[what] = done.get(what, 0) + 1
            n += 1
            if n % 500 == 0:
                await empty_trash(boxes[rnd.randrange(len(boxes))])
            await asyncio.sleep(max(0, t0 + n / a.rate - time.time()))
        busy = round((cpu(a.pid) - c0) / (time.time() - t0) * 100, 2)
        await asyncio.sleep(30)
        rest, t1 = cpu(a.pid), time.time()
        await asyncio.sleep(20)
        idle = round((cpu(a.pid) - rest) / (time.time() - t1) * 100, 2)
        curve.append((round(time.time() - t0), mem(a.pid)["pss_mb"]))
        third = len(curve) // 3
        middle, last = med([y for _, y in curve[third : 2 * third]]), med([y for _, y in curve[2 * third :]])
        growth = last - middle
        flat = growth <= middle * a.growth / 100 + 2
        emit(
            a,
            f"churn:{a.accounts}",
            {
                "minutes": a.minutes,
                "changes": n,
                "kinds": done,
                "hooks": (await sink(s, a, "count?what=hook")) - h0,
                "pss_mb_first": curve[0][1],
                "pss_mb_middle": middle,
                "pss_mb_last": last,
                "pss_mb_max": max(y for _, y in curve),
                "flat": flat,
                "cpu_pct_of_core": busy,
                "cpu_pct_of_core_after": idle,
                "curve": curve,
            },
        )
        if not flat:
            sys.exit(f"memory grew by {growth:.1f} MB from the middle third to the last")
        if idle > a.idle:
            sys.exit(f"{idle} % of a core were used after the last change")


asyncio.run(main())
