#!/usr/bin/env python3
"""Many readers of one account: a 20 MB source beside a bare IMAP client, 16 downloads at once with some of them trickling while
listings go on, and 16 mixed readers. Needs the mailbox of b6: mkmail.py --user read1k --count 1000 --big-mb 20
b12_parallel.py --token T --pid P --user read1k --downloads 16 --trickling 3 --rounds 6"""

import re, socket, ssl, threading
from benchlib import *

ap = parser(__doc__)
ap.add_argument("--user", default="read1k")
ap.add_argument("--rounds", type=int, default=6, help="pairs of downloads, by IMAP and by HTTP")
ap.add_argument("--downloads", type=int, default=16)
ap.add_argument("--trickling", type=int, default=3, help="how many of them take 64 KiB a second")
ap.add_argument("-d", type=int, default=15, help="seconds of listings, with and without the downloads")
a = ap.parse_args()
PATH = "/v1/account/" + a.user


def connect(addr, receive=0):
    host, port = addr.rsplit(":", 1)
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(60)
    s.connect((host, int(port)))
    return s


def by_imap(uid):
    """One UID FETCH of the whole message by a client that does nothing but count; bytes, seconds. With TLS where it is offered,
    as the server does it."""
    s = connect(a.imap)
    f = s.makefile("rb", 1 << 18)
    f.readline()

    def say(tag, line):
        s.sendall(f"{tag} {line}\r\n".encode())
        told = []
        while not told or not told[-1].startswith(tag.encode() + b" "):
            told.append(f.readline())
        return b"".join(told)

    if b"STARTTLS" in say("c", "CAPABILITY") and b"t OK" in say("t", "STARTTLS"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        s = context.wrap_socket(s)
        f = s.makefile("rb", 1 << 18)
    say("l", f"LOGIN {a.user} pass")
    say("e", "SELECT INBOX")
    t = time.perf_counter()
    s.sendall(f"b UID FETCH {uid} BODY.PEEK[]\r\n".encode())
    size = int(re.search(rb"\{(\d+)\}", f.readline()).group(1))
    left = size
    while left:
        left -= len(f.read(min(left, 1 << 18)))
    took = time.perf_counter() - t
    s.close()
    return size, took


def by_http(path, pause=0.0, stop=None, receive=0):
    """One GET; bytes, seconds, status. With a pause it takes 64 KiB and sleeps, until it is told to stop."""
    t = time.perf_counter()
    s = connect(a.base.split("//")[1], receive)
    s.sendall(
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {a.token}\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n".encode()
    )
    n, status = 0, None
    while True:
        got = s.recv(1 << 16 if pause else 1 << 18)
        if not got:
            break
        if status is None:
            status = int(got.split(b" ", 2)[1])
        n += len(got)
        if pause:
            if stop.is_set():
                break
            time.sleep(pause)
    s.close()
    return n, time.perf_counter() - t, status


class Watch(threading.Thread):
    """The highest PSS of the server while it runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.over = 0, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, mem(a.pid)["pss_mb"])


async def main():
    async with session(a) as s:
        await api(s, a, "POST", "/v1/account", account(a, a.user))
        await wait_state(s, a, a.user)
        await asyncio.sleep(4)
        listing = f"{PATH}/messages?path=INBOX&pageSize=20"
        messages = (await api(s, a, "GET", listing))["messages"]
        big = next(m for m in messages if m.get("subject") == "Bench bigfile")
        others = [m["id"] for m in messages if m is not big]
    source = f"{PATH}/message/{big['id']}/source"

    # 1. In turns with a bare client, so that both have the same machine.
    await quiet(a)
    rates = {"imap": [], "http": []}
    for _ in range(a.rounds):
        size, took = by_imap(big["uid"])
        rates["imap"].append(round(size / 1048576 / took, 1))
        n, took, status = by_http(source)
        assert status == 200 and n >= size, (status, n, size)
        rates["http"].append(round(size / 1048576 / took, 1))
    emit(a, "parallel:source20mb", {"mb_s": rates, "ratio": round(med(rates["http"]) / med(rates["imap"]), 2)})

    # 2. Listings alone, then with the downloads beside them.
    await quiet(a)
    wrk(a, listing, 4, 3)
    alone = wrk(a, listing, 4, a.d)
    before = mem(a.pid)["pss_mb"]
    watch, stop = Watch(), threading.Event()
    watch.start()
    done, lock, failed = [0, 0], threading.Lock(), []

    def bulk():
        while not stop.is_set():
            n, took, status = by_http(source)
            with lock:
                done[0] += 1
                done[1] += n
                if status != 200 or n < size:
                    failed.append((status, n))

    readers = [threading.Thread(target=bulk, daemon=True) for _ in range(a.downloads - a.trickling)]
    readers += [
        threading.Thread(target=by_http, args=(source, 1.0, stop, 1 << 16), daemon=True) for _ in range(a.trickling)
    ]
    for r in readers:
        r.start()
    await asyncio.sleep(2)
    beside = wrk(a, listing, 4, a.d)
    stop.set()
    for r in readers:
        r.join(120)
    watch.over.set()
    emit(
        a,
        "parallel:listings_beside_downloads",
        {
            "alone": alone,
            "beside": beside,
            "downloads_done": done[0],
            "downloads_mb_s": round(done[1] / 1048576 / a.d, 1),
            "downloads_failed": failed[:5],
            "pss_before_mb": before,
            "pss_peak_mb": watch.peak,
            "extra_mb": round(watch.peak - before, 1),
        },
    )

    # 3. Mixed readers, all at once on the one account.
    await quiet(a)
    end, times, wrong = time.time() + a.d, [], []

    def mixed(seed):
        n = seed
        while time.time() < end:
            one = others[n % len(others)]
            path = (listing, f"{PATH}/message/{one}?textType=*", f"{PATH}/message/{one}/source", f"{PATH}/text/{messages[n % len(messages)]['text']['id']}")[n % 4]
            n += 1
            _, took, status = by_http(path)
            times.append(took)
            if status != 200:
                wrong.append((path.split("/")[-1][:40], status))

    readers = [threading.Thread(target=mixed, args=(i,)) for i in range(16)]
    for r in readers:
        r.start()
    for r in readers:
        r.join()
    emit(a, "parallel:16_readers", {"requests": len(times), "errors": len(wrong), "which": wrong[:5], "ms": dist(times, 1000)})


asyncio.run(main())
