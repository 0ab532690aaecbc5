#!/usr/bin/env python3
"""Register one account and wait until connected.  reg1.py --account u0001 [--webhooks]"""

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--account", default="u0001")
ap.add_argument("--webhooks", action="store_true")
a = ap.parse_args()


async def main():
    async with session(a) as s:
        if a.webhooks:
            await hooks_on(s, a)
        print(await api(s, a, "POST", "/v1/account", account(a, a.account)))
        t = await wait_state(s, a, a.account)
        print("connected in", round(t, 3))
        print(json.dumps(await api(s, a, "GET", "/v1/account/" + a.account))[:1500])


asyncio.run(main())
