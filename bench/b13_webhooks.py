#!/usr/bin/env python3
"""Delivery of webhooks of many accounts: a backlog to one fast receiver, a steady stream, and the same stream to a receiver
of each account's own, all of which answer or all but one.
Needs the mailboxes w0001..w0100: mkmail.py --users w 1 100 --count 100
b13_webhooks.py --token T --pid P --rate 1000"""

import random
from benchlib import *

ap = parser(__doc__)
ap.add_argument("--accounts", type=int, default=100)
ap.add_argument("--messages", type=int, default=100, help="in each mailbox")
ap.add_argument("--rate", type=int, default=1000, help="deliveries a second of the stream")
ap.add_argument("--runs", type=int, default=3, help="pairs of streams with and without the dead receiver")
ap.add_argument("--port", type=int, default=3085, help="of the receivers")
a = ap.parse_args()
users = [f"w{n:04}" for n in range(1, a.accounts + 1)]
whole = a.accounts * a.messages


class Receiver(asyncio.Protocol):
    """Answers 200 at once, but not at all where it is dead; notes when a request was whole, and which event it was."""

    got, dead = [], None
    OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def connection_made(self, transport):
        self.t, self.b = transport, b""

    def data_received(self, data):
        self.b += data
        while True:
            end = self.b.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.b[:end].lower()
            size = int(re.search(rb"content-length: (\d+)", head).group(1))
            if len(self.b) < end + 4 + size:
                return
            self.b = self.b[end + 4 + size :]
            if head.split(b" ", 2)[1] == Receiver.dead:
                return
            Receiver.got.append((time.time(), re.search(rb"x-ee-wh-event-id: (\S+)", head).group(1).decode()))
            self.t.write(self.OK)


async def until(wanted, limit=180):
    """waits for these events, or so many; other ones may come too: what a dead receiver left waiting is tried again"""
    end = time.time() + limit
    while time.time() < end:
        came = len(Receiver.got)
        if isinstance(wanted, int):
            if came >= wanted:
                return
        elif came >= len(wanted) and wanted.keys() <= {e for _, e in Receiver.got}:
            return
        await asyncio.sleep(0.05)


async def log(s, since):
    """the events in the order in which they are replayed: (id, account)"""
    found, cursor = [], ""
    while True:
        path = f"/v1/events?type=messageUpdated&payload=false&pageSize=1000&since={since}{cursor}"
        page = await api(s, a, "GET", path)
        found += [(e["id"], e["account"]) for e in page["events"]]
        # None while the events are younger than the log tells.
        cursor = "&cursor=" + page["cursor"] if page["cursor"] else ""
        if not page["more"] and len(found) >= whole:
            return found
        await asyncio.sleep(0 if page["more"] else 0.5)


async def stream(s, since, order, dead=None):
    """replays the events at the rate; how late each was, in seconds, those of `dead` left out"""
    await quiet(a)
    Receiver.got.clear()
    Receiver.dead = dead and f"/{dead}".encode()
    t0 = time.time()
    done = await api(s, a, "POST", "/v1/events/replay", {"since": since, "type": "messageUpdated", "rate": a.rate})
    took = time.time() - t0
    assert done["queued"] == whole, done
    wanted = {e: n for n, (e, user) in enumerate(order) if user != dead}
    await until(wanted)
    first = {}
    for at, e in Receiver.got:
        first.setdefault(e, at)
    assert wanted.keys() <= first.keys(), "some that were wanted never came"
    # Queueing them all takes the store's time; what is told is the stream after it.
    late = [first[e] - n / a.rate for e, n in wanted.items() if n / a.rate > took + 0.5]
    return [x - min(late) for x in late]


async def main():
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", a.port)
    base = f"http://127.0.0.1:{a.port}"
    async with session(a) as s:
        settings = {"webhooksEnabled": True, "webhooks": base + "/all", "webhookEvents": ["messageUpdated"]}
        await api(s, a, "POST", "/v1/settings", settings)
        for user in users:
            await api(s, a, "POST", "/v1/account", account(a, user))
        for user in users:
            await wait_synced(s, a, user)
        since = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        # Every message gets a flag while the queue is paused; then all of them are due.
        await api(s, a, "PUT", "/v1/settings/queue/notify", {"paused": True})
        flag = f"bench{random.randrange(1 << 30)}"
        t0 = time.time()
        for user in users:
            c = await Imap(a, user).open()
            await c.cmd("SELECT INBOX")
            await c.cmd(f"STORE 1:* +FLAGS.SILENT ({flag})")
            c.close()
        while (await api(s, a, "GET", "/v1/settings/queue/notify"))["jobs"]["waiting"] < whole:
            await asyncio.sleep(0.1)
        recorded = time.time() - t0
        await quiet(a)
        c0, t0 = cpu(a.pid), time.time()
        await api(s, a, "PUT", "/v1/settings/queue/notify", {"paused": False})
        await until(whole)
        t = [at for at, _ in Receiver.got]
        emit(
            a,
            "webhooks:backlog",
            {
                "events": len(t),
                "distinct": len({e for _, e in Receiver.got}),
                "recorded_s": round(recorded, 2),
                "first_s": round(t[0] - t0, 3),
                "all_s": round(t[-1] - t0, 2),
                "per_s": round(len(t) / (t[-1] - t0)),
                "server_cpu_s": round(cpu(a.pid) - c0, 2),
            },
        )
        order = await log(s, since)
        c0 = cpu(a.pid)
        late = await stream(s, since, order)
        emit(a, "webhooks:stream", {"rate": a.rate, "late_ms": dist(late, 1000), "server_cpu_s": round(cpu(a.pid) - c0, 2)})
        for user in users:
            await api(s, a, "PUT", "/v1/account/" + user, {"webhooks": f"{base}/{user}"})
        await asyncio.sleep(1)
        for _ in range(a.runs):
            for dead in (None, users[0]):
                late = await stream(s, since, order, dead)
                emit(a, "webhooks:apart", {"rate": a.rate, "dead": dead, "late_ms": dist(late, 1000)})
    server.close()


asyncio.run(main())
