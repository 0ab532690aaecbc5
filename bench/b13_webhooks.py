#!/usr/bin/env python3
"""Delivery of webhooks: a burst of events of one account, and a steady stream.
Needs the mailbox big10k of b4: mkmail.py --user big10k --count 10000
b13_webhooks.py --token T --pid P --user big10k --rate 1000"""

import random
from benchlib import *

ap = parser(__doc__)
ap.add_argument("--user", default="big10k")
ap.add_argument("--rate", type=int, default=1000, help="deliveries a second of the stream")
ap.add_argument("--port", type=int, default=3085, help="of the receiver")
a = ap.parse_args()


class Receiver(asyncio.Protocol):
    """Answers 200 at once; notes when a request was whole, and which event it was."""

    got = []
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
            Receiver.got.append((time.time(), re.search(rb"x-ee-wh-event-id: (\S+)", head).group(1)))
            self.b = self.b[end + 4 + size :]
            self.t.write(self.OK)


async def until(count, limit=180):
    end = time.time() + limit
    while len(Receiver.got) < count and time.time() < end:
        await asyncio.sleep(0.02)


async def main():
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", a.port)
    async with session(a) as s:
        hook = f"http://127.0.0.1:{a.port}/hook"
        await api(s, a, "POST", "/v1/settings", {"webhooksEnabled": True, "webhooks": hook, "webhookEvents": ["messageUpdated"]})
        await api(s, a, "POST", "/v1/account", account(a, a.user))
        await wait_synced(s, a, a.user)
        await asyncio.sleep(3)
        c = await Imap(a, a.user).open()
        await c.cmd("SELECT INBOX")
        # As many flag changes at once as there are messages.
        await quiet(a)
        Receiver.got.clear()
        flag = f"bench{random.randrange(1 << 30)}"
        c0, t0 = cpu(a.pid), time.time()
        await c.cmd(f"STORE 1:* +FLAGS.SILENT ({flag})")
        stored = time.time() - t0
        await until(10000)
        t = [at for at, _ in Receiver.got]
        emit(
            a,
            "webhooks:burst",
            {
                "events": len(t),
                "distinct": len({e for _, e in Receiver.got}),
                "store_s": round(stored, 2),
                "first_s": round(t[0] - t0, 2),
                "all_s": round(t[-1] - t0, 2),
                "per_s": round(len(t) / (t[-1] - t[0])),
                "server_cpu_s": round(cpu(a.pid) - c0, 2),
            },
        )
        # The same once more, at a rate: how late each of them is.
        await asyncio.sleep(7)
        await quiet(a)
        Receiver.got.clear()
        replay = {"since": "2020-01-01T00:00:00.000Z", "type": "messageUpdated", "rate": a.rate}
        done = await api(s, a, "POST", "/v1/events/replay", replay)
        await until(done["queued"])
        t = sorted(at for at, _ in Receiver.got)
        late = [at - t[0] - n / a.rate for n, at in enumerate(t)]
        least = min(late)
        emit(a, "webhooks:stream", {"rate": a.rate, "queued": done["queued"], "late_ms": dist([x - least for x in late], 1000)})
        await c.cmd(f"STORE 1:* -FLAGS.SILENT ({flag})")
        await until(done["queued"] + 10000)
        c.close()
    server.close()


asyncio.run(main())
