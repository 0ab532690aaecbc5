#!/usr/bin/env python3
"""Cold start. Runs a start command N times, measures exec -> first HTTP 200 on --health and PSS 10 s later, kills by pid.
  b1_coldstart.py --runs 3 --cwd DIR --health http://127.0.0.1:3000/health [--env K=V ...] [--keep] [--pidfile F] -- CMD ARGS...
--keep leaves the last run up and writes its pid to --pidfile."""

import argparse, json, os, signal, subprocess, sys, time, urllib.request
from benchlib import mem, cpu, tree

ap = argparse.ArgumentParser()
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("--cwd", default=".")
ap.add_argument("--health", default="http://127.0.0.1:3000/health")
ap.add_argument("--env", action="append", default=[])
ap.add_argument("--keep", action="store_true")
ap.add_argument("--pidfile", default=".bench/run/server.pid")
ap.add_argument("--log", default="/dev/null")
ap.add_argument("--redis-pid", type=int, default=0)
ap.add_argument("--settle", type=float, default=10)
ap.add_argument("--out", default="")
ap.add_argument("--label", default="")
ap.add_argument("--drop-caches", action="store_true")
ap.add_argument("cmd", nargs=argparse.REMAINDER)
a = ap.parse_args()
cmd = a.cmd[1:] if a.cmd[:1] == ["--"] else a.cmd
env = dict(os.environ)
env.update(e.split("=", 1) for e in a.env)
rs = []
for i in range(a.runs):
    if a.drop_caches:
        os.sync()
        open("/proc/sys/vm/drop_caches", "w").write("3")
    t0 = time.time()
    p = subprocess.Popen(
        cmd, cwd=a.cwd, env=env, stdout=open(a.log, "ab"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
    )
    while time.time() - t0 < 60:
        try:
            if urllib.request.urlopen(a.health, timeout=1).status == 200:
                break
        except Exception:
            time.sleep(0.01)
        if p.poll() is not None:
            sys.exit(f"server exited {p.returncode}")
    up = time.time() - t0
    c0 = cpu([p.pid])
    time.sleep(a.settle)
    r = {"health_s": round(up, 3), "cpu_s_at_health": round(c0, 2), "cpu_s_after_settle": round(cpu([p.pid]), 2), **mem([p.pid])}
    if a.redis_pid:
        r["redis_pss_mb"] = mem([a.redis_pid])["pss_mb"]
    rs.append(r)
    print(json.dumps(r), flush=True)
    if a.keep and i == a.runs - 1:
        open(a.pidfile, "w").write(str(p.pid))
        continue
    pids = tree([p.pid])
    os.kill(p.pid, signal.SIGTERM)
    try:
        p.wait(10)
    except subprocess.TimeoutExpired:
        for x in pids:
            try:
                os.kill(x, signal.SIGKILL)
            except OSError:
                pass
        p.wait()
rec = {
    "test": "coldstart",
    "label": a.label,
    "runs": rs,
    "median_health_s": sorted(r["health_s"] for r in rs)[len(rs) // 2],
    "median_pss_mb": sorted(r["pss_mb"] for r in rs)[len(rs) // 2],
}
print(json.dumps(rec))
if a.out:
    open(a.out, "a").write(json.dumps(rec) + "\n")
