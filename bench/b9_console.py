#!/usr/bin/env python3
"""Server time of the console's pages with many accounts and tokens: each page is asked for one at a time over one kept connection, so the
figure is the time from the last byte of the request to the last byte of the answer, and what loopback adds.
b9_console.py --token T --pid P --password PW --accounts 10000 --tokens 10000 --runs 60"""

import http.client
import re
import urllib.parse

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--password", required=True, help="the console's password")
ap.add_argument("--accounts", type=int, default=10000)
ap.add_argument("--tokens", type=int, default=10000)
ap.add_argument("--runs", type=int, default=60)
ap.add_argument("--limit", type=float, default=10, help="fail when a page's median is not below this, ms")
a = ap.parse_args()

SETTINGS = "service security webhooks email-processing network smtp imap-proxy ai mcp branding logging deprecated".split()


async def fill():
    """Accounts without a server of their own, and tokens, over the API; with names that a search has to look at."""
    gate = asyncio.Semaphore(32)

    async def one(s, path, body):
        async with gate:
            await api(s, a, "POST", path, body)

    async with session(a) as s:
        await asyncio.gather(
            *(
                one(s, "/v1/account", {"account": f"user-{n:05}", "name": f"Customer Number {n}", "email": f"customer{n}@example.com", "imap": False})
                for n in range(a.accounts)
            )
        )
        await asyncio.gather(
            *(
                one(
                    s,
                    "/v1/token",
                    {
                        "description": f"Application {n}",
                        "scopes": [["api"], ["smtp"], ["imap-proxy"], ["mcp"]][n % 4],
                        **({"account": f"user-{n % a.accounts:05}"} if n % 2 else {"permissions": {"actions": ["read"]}}),
                    },
                )
                for n in range(a.tokens)
            )
        )


class Visitor:
    """An administrator's browser as far as cookies go."""

    def __init__(self):
        url = urllib.parse.urlsplit(a.base)
        self.http = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        self.cookies = {}

    def ask(self, method, path, fields=None):
        body = None if fields is None else urllib.parse.urlencode(fields)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        start = time.perf_counter()
        self.http.request(method, path, body, headers)
        answer = self.http.getresponse()
        text = answer.read()
        took = time.perf_counter() - start
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, text, took

    def login(self):
        self.ask("GET", "/admin/login")
        status, text, _ = self.ask("POST", "/admin/login", {"username": "admin", "password": a.password, "crumb": self.cookies["crumb"]})
        assert status == 303, (status, text[:300])


def pages(visitor):
    """Paths of the console by name, all of which answer 200."""
    status, tokens, _ = visitor.ask("GET", "/admin/tokens")
    token = re.search(rb'href="(/admin/tokens/[0-9a-f]{64})"', tokens)[1].decode()
    last = a.accounts // 20 - 2
    middle = f"user-{a.accounts // 2:05}"
    yield from {
        "dashboard": "/admin",
        "accounts": "/admin/accounts",
        "accounts, far page": f"/admin/accounts?page={last}",
        "accounts, search with one hit": f"/admin/accounts?query=customer{a.accounts - 1}@",
        "accounts, search without a hit": "/admin/accounts?query=zzz-no-hit",
        "accounts, filter by state": "/admin/accounts?state=errors",
        "account": f"/admin/accounts/{middle}",
        **{f"account, {part}": f"/admin/accounts/{middle}/{part}" for part in ("folders", "log", "edit", "flush", "delete")},
        "account, add": "/admin/add-account",
        "tokens": "/admin/tokens",
        "tokens, far page": f"/admin/tokens?page={a.tokens // 50 - 2}",
        "tokens, search with one hit": f"/admin/tokens?query=Application+{a.tokens - 1}",
        "tokens, search without a hit": "/admin/tokens?query=zzz-no-hit",
        "tokens, filter by scope": "/admin/tokens?scope=mcp",
        "token": token,
        "token, delete": f"{token}/delete",
        "token, new": "/admin/tokens/new",
        "settings": "/admin/config",
        **{f"settings, {slug}": f"/admin/config/{slug}" for slug in SETTINGS},
        "reference": "/admin/reference",
        "reference, account": "/admin/reference/account",
        "reference, settings": "/admin/reference/settings",
        "reference, send a message": "/admin/reference/submit/postV1AccountAccountSubmit",
        "account security": "/admin/account/security",
    }.items()


async def hosted():
    """The path of a link of the hosted form."""
    async with session(a) as s:
        await api(s, a, "POST", "/v1/settings", {"serviceUrl": a.base})
        link = await api(s, a, "POST", "/v1/authentication/form", {"redirectUrl": f"{a.base}/"})
    url = urllib.parse.urlsplit(link["url"])
    return f"{url.path}?{url.query}"


async def main():
    start = time.time()
    await fill()
    print(f"filled in {time.time() - start:.1f} s", file=sys.stderr)
    visitor = Visitor()
    visitor.login()
    slow = []
    await quiet(a)
    asked = [(name, path, visitor) for name, path in pages(visitor)]
    # Who is signed in is sent on from the login.
    public = {"login": "/admin/login", "landing page": "/", "hosted form": await hosted()}
    asked += [(name, path, Visitor()) for name, path in public.items()]
    for name, path, who in asked:
        mark(a)
        for _ in range(5):
            status, text, _ = who.ask("GET", path)
        if status != 200:
            slow.append(f"{name}: status {status}")
            continue
        times = [who.ask("GET", path)[2] for _ in range(a.runs)]
        found = dist(times, 1000)
        emit(a, f"console:{name}", {"path": path, "ms": found, "bytes": len(text)})
        if found["p50"] >= a.limit:
            slow.append(f"{name}: {found['p50']} ms")
    if slow:
        sys.exit("not below the limit: " + "; ".join(slow))


asyncio.run(main())
