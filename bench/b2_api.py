#!/usr/bin/env python3
"""API throughput with wrk. Needs one registered account (--account) for /v1/account/{id}.
b2_api.py --token T --pid P --account u0001 [--runs 3] [-c 32] [-d 10]"""

import asyncio
from benchlib import *

ap = parser(__doc__)
ap.add_argument("--account", default="u0001")
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("-c", type=int, default=32)
ap.add_argument("-d", type=int, default=10)
ap.add_argument("--only", default="")
a = ap.parse_args()
for name, path, tok in [
    ("stats", "/v1/stats", None),
    ("account", "/v1/account/" + a.account, None),
    ("accounts", "/v1/accounts", None),
    ("invalid_token_401", "/v1/stats", "f" * 64),
    ("health_noauth", "/health", ""),
]:
    if a.only and name not in a.only.split(","):
        continue
    rs = []
    for _ in range(a.runs):
        asyncio.run(quiet(a))
        rs.append(wrk(a, path, a.c, a.d, tok) | {"foreign": foreign(a)})
    emit(
        a,
        "api:" + name,
        {
            "median": {k: med([r[k] for r in rs]) for k in ("rps", "p50_ms", "p90_ms", "p99_ms", "server_cpu_cores")},
            "non2xx": [r["non2xx"] for r in rs],
            "runs": rs,
            "mem": mem(a.pid) if a.pid else None,
        },
    )
