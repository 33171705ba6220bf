#!/usr/bin/python3
"""bench_system.py NAME...: benchmarks of the whole system, each with the real daemon and its processes.

Devices are gatewaysim's, and so are the counters of what reached flash. One JSON line each on
stdout: {"bench", "value", "unit", "limit", "ratio", "note"}; exit status 1 when a value does not keep
its limit. Programs: those of GW_BUILD. What a benchmark made or started is gone when it ends.
"""
import contextlib
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from gwtest.package import Image  # noqa: E402 (the path is made above)
from gwtest.plant import CLASS, VENDOR, Pki, Plant  # noqa: E402
from gwtest.process import Process, program, wait_until  # noqa: E402
from gwtest.router import Router  # noqa: E402
from gwtest.varlink import Varlink  # noqa: E402
from gwtest.web import Nginx  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
BLOCK = 64 * KIB
SECTOR = 4096


def report(name, value, unit, limit, note, at_least=False):
    """Prints the line; True when the value keeps its limit (None: there is none)."""
    ratio = None
    if limit is not None:
        ratio = round(value / limit, 3) if limit else (0.0 if value == 0 else None)
    print(json.dumps({"bench": name, "value": value, "unit": unit, "limit": limit, "ratio": ratio, "note": note}),
          flush=True)
    return limit is None or (value >= limit if at_least else value <= limit)


# ---- what every benchmark needs ----

class Bench(contextlib.ExitStack):
    """A folder, its authorities, and whatever is started; all of it ends with the `with`."""

    def __init__(self):
        super().__init__()
        self.folder = self.enter_context(tempfile.TemporaryDirectory(prefix="gw-bench-"))
        os.chmod(self.folder, 0o755)
        self.pki = Pki(self.folder)

    def keep(self, thing):
        """`thing` is stopped at the end; a second stop does nothing."""
        self.callback(thing.stop)
        return thing

    def path(self, name):
        return os.path.join(self.folder, name)

    def plant(self, *args, **options):
        plant = self.keep(Plant(self.pki, *args, **options)).start()
        wait_until(lambda: all(d["state"] == "ok" for d in plant.call("Devices")["devices"]), "the devices")
        return plant

    def web(self):
        os.makedirs(self.path("www"))
        return self.keep(Nginx(self.path("web"), self.path("www")))

    def large_image(self, size):
        return Image(self.pki.image, os.urandom(size), vendor=VENDOR, class_name=CLASS, sequence=2,
                     version="2.0.0", block_size=BLOCK)

    def write_package(self, path, images, **system):
        with open(path, "wb") as file:
            file.write(self.pki.make_package(images, **system))


def large_device(size, **flash):
    """A device that can take an image of `size` in blocks of 64 KiB, with its table; flash in memory."""
    return {"max_block": BLOCK, "max_table": max(size // BLOCK * 32, 32 * KIB),
            "flash": {"slot_size": size, "sector": SECTOR, **flash}}


def install(plant, path=None, url=None, **parameters):
    """(the job when it has ended, seconds it took)."""
    begin = time.monotonic()
    number = plant.call("Install", {"url": url})["job"] if url else plant.begin(path, **parameters)
    with Varlink(plant.control, timeout=300) as connection:
        for reply in connection.call_more("io.gatewayd.Control.Job", {"id": number}):
            job = reply["job"]
    return job, time.monotonic() - begin


def must_be_done(plant, job):
    assert job["state"] == "done", job
    plant.check_flash_rules()


def memory_kib(pid, file, *keys):
    """Fields of /proc/PID/FILE (status, smaps_rollup) in KiB."""
    with open(f"/proc/{pid}/{file}", encoding="ascii", errors="replace") as lines:
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return [int(fields[key].split()[0]) for key in keys]


def processes_of(pid):
    """The process and its children."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return [pid, *map(int, children.read().split())]


# ---- one paced line ----

class Clocked:
    """The bytes of an image that remember when they were first asked for."""

    def __init__(self, data):
        self.data, self.first = data, None

    def __getitem__(self, part):
        self.first = self.first or time.monotonic()
        return self.data[part]


def stage(router, image):
    """(seconds from the first upload request to the last block's acknowledgement, the result)."""
    data = Clocked(image.gwi)
    router.images[1] = data
    reference = {"handle": 1, "identity": image.identity.hex(), "payload_only": False, "size": len(image.gwi),
                 "cms_size": len(image.cms), "payload_size": len(image.payload), "block_size": 1024,
                 "token": hashlib.sha256(image.cms).hexdigest(), "component": 0, "sequence": 2, "version": "2.0.0"}
    result = last = None
    with Varlink(router.path, timeout=120) as connection:
        for reply in connection.call_more("io.gatewayd.Router.Stage", {"devices": ["line"], "image": reference}):
            if reply.get("progress"):
                last = time.monotonic()
                assert reply["progress"]["total"] == len(image.gwi)
                done = reply["progress"]["done"]
            result = reply.get("result") or result
    assert result["outcome"] == "done" and done == len(image.gwi), result
    return last - data.first, result


def uart(name, framing, line_share):
    """Goodput of the router process on a line that gatewaysim paces: 115200 8N1, 1 ms each way.

    `line_share` is the part of the line's bytes that the framing leaves for the image.
    """
    with Bench() as bench:
        device = {"name": "line", "vendor": VENDOR, "class": CLASS, "hardware": 1, "serial": "SN",
                  "anchors": [bench.pki.image.root], "factory": bench.pki.factory, "buf_size": 2048, "buf_count": 4,
                  "flash": {"slot_size": 512 * KIB}}
        with open(bench.path("field.json"), "w", encoding="utf-8") as field:
            json.dump({"buses": [{"name": "line", "link": f"unix:{bench.path('line')}", "baud": 115200,
                                  "latency_us": 1000, "device": device}]}, field)
        sim = bench.keep(Process([program("gatewaysim"), bench.path("field.json"), "--socket", bench.path("sim")],
                                 bench.path("sim.log")))
        sim.wait_for_socket(bench.path("sim"))
        router = bench.keep(Router(bench.folder))
        router.open("line", f"unix:{bench.path('line')}?baud=115200", options={"framing": framing})
        assert router.identify("line")["line"]["own"]
        image = bench.pki.make_image(2, 256 * KIB)
        seconds, result = stage(router, image)
        with Varlink(bench.path("sim")) as connection:
            counters = connection.call("io.gatewayd.Sim.Devices")["devices"][0]["counters"]
        assert counters["bytes_flashed"] == 256 * KIB and counters["overruns"] == 0, counters
        return report(name, round(len(image.gwi) / seconds), "B/s", round(0.95 * line_share * 11520),
                      f"256 KiB image in {seconds:.2f} s, real time, line paced by gatewaysim; payload "
                      f"{256 * KIB / seconds:.0f} B/s; the last answer, with the second round, took "
                      f"{result.get('verify_ms', 0)} ms", True)


def uart_raw():
    return uart("uart.raw", "raw", 1)


def uart_console():
    """A message of 2044 bytes is 2788 on the line and has 2016 of the image in it."""
    return uart("uart.console", "console", 2016 / 2788)


# ---- three lines at once ----

def fanout():
    """Three devices at 115200 baud, 96 KiB each: a job for all three against one for each alone."""
    lines = ("line-1", "line-2", "line-3")
    with Bench() as bench:
        devices, images = {}, {}
        for line in lines:
            factory = bench.pki.make_image(1, 20_000, class_name=line).write(bench.path(f"{line}.gwi"))
            devices[line] = {"class": line, "factory": factory}
        plant = bench.plant(devices, baud=115200)
        alone = []
        for sequence, names in enumerate([lines[:1], lines[1:2], lines[2:], lines], start=2):
            images = {n: bench.pki.make_image(sequence, 96 * KIB, class_name=n) for n in names}
            bench.write_package(bench.path("plant.gwp"), images, sequence=sequence)
            job, seconds = install(plant, bench.path("plant.gwp"))
            must_be_done(plant, job)
            assert len([s for s in job["steps"] if s["state"] == "done"]) == len(names), job
            alone.append(seconds)
        together, slowest = alone.pop(), max(alone)
        each = ", ".join(f"{s:.3f}" for s in alone)
        return report("fanout.3", round(together / slowest, 4), "x", 1.05,
                      f"whole job, 96 KiB images at 115200 baud: together {together:.3f} s, alone {each} s")


# ---- memory ----

def rss_idle():
    """The core with three buses, after a streamed installation, when the fetcher has gone."""
    with Bench() as bench:
        web = bench.web()
        plant = bench.plant(("line-1", "line-2", "line-3"), config={"tls_ca": web.ca, "mode": "streamed"})
        fresh, = memory_kib(plant.core.pid, "smaps_rollup", "Rss")
        bench.write_package(bench.path("www/plant.gwp"), {"meter": bench.pki.new})
        job, _ = install(plant, url=web.url("plant.gwp"))
        must_be_done(plant, job)
        assert plant.child("gatewayd-fetch"), "nothing was fetched"
        begin = time.monotonic()
        wait_until(lambda: not plant.child("gatewayd-fetch"), "the fetcher to go", 90, pause=0.5)
        gone = time.monotonic() - begin
        used, shared_out, anonymous = memory_kib(plant.core.pid, "smaps_rollup", "Rss", "Pss", "Anonymous")
        return report("rss.idle", used, "KiB", 6 * KIB,
                      f"Rss of the core, 3 buses, after a streamed job; Pss {shared_out}, anonymous {anonymous} KiB; "
                      f"before the job {fresh} KiB; the fetcher went {gone:.0f} s after it")


class PeakWatcher:
    """The highest RssAnon of a process, looked at every 5 ms: VmHWM has the pages of files too."""

    def __init__(self, pid):
        self.pid, self.peak, self.is_over = pid, 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.is_over:
            self.peak = max(self.peak, memory_kib(self.pid, "status", "RssAnon")[0])
            time.sleep(0.005)

    def stop(self):
        self.is_over = True
        self.thread.join()
        return self.peak


def peak_of_streaming(bench, web, size):
    """(VmHWM, highest RssAnon) in KiB of a fresh core that streams one image, and MB/s."""
    bench.write_package(bench.path("www/plant.gwp"), {"meter": bench.large_image(size)})
    plant = bench.plant({"line-1": large_device(size)}, config={"tls_ca": web.ca, "mode": "streamed"})
    watcher = PeakWatcher(plant.core.pid)
    try:
        job, seconds = install(plant, url=web.url("plant.gwp"))
    finally:
        anonymous = watcher.stop()
    must_be_done(plant, job)
    assert job["mode"] == "streamed" and plant.flashed() == size
    peak, = memory_kib(plant.core.pid, "status", "VmHWM")
    plant.stop()
    return peak, anonymous, size / seconds / 1e6


def rss_streamed_growth():
    """Peak of the core from a 1 MiB to a 256 MiB image; the block table may come on top.

    VmHWM is the true peak, but the pages of libraries that happen to be resident can hide a growth
    of the heap in it, so the heap's own peak (looked at every 5 ms) counts where it grows more.
    """
    small, large = MIB, 256 * MIB
    with Bench() as bench:
        web = bench.web()
        low, low_anonymous, _ = peak_of_streaming(bench, web, small)
        high, high_anonymous, rate = peak_of_streaming(bench, web, large)
        table = (large - small) // BLOCK * 32 // KIB
        return report("rss.streamed.growth", max(high - low, high_anonymous - low_anonymous), "KiB", 512 + table,
                      f"the larger of two: VmHWM (file pages included) {low} -> {high} KiB, RssAnon {low_anonymous} -> "
                      f"{high_anonymous} KiB; block table {table} KiB; 256 MiB over HTTPS at {rate:.1f} MB/s")


# ---- wake-ups ----

def context_switches(pids):
    """Of every thread: a process that waits and is woken switches at least once."""
    total = {}
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as status:
                total[task] = sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
    return total


def idle_wakeups():
    """The core and its routers with three devices at rest after a job, for 20 s."""
    with Bench() as bench:
        plant = bench.plant(("line-1", "line-2", "line-3"))
        bench.write_package(bench.path("plant.gwp"), {"meter": bench.pki.new})
        job, _ = install(plant, bench.path("plant.gwp"))
        must_be_done(plant, job)
        time.sleep(2)
        pids = processes_of(plant.core.pid)
        before = context_switches(pids)
        time.sleep(20)
        after = context_switches(pids)
        assert before.keys() == after.keys(), "a process or a thread came or went"
        return report("idle.wakeups", sum(after.values()) - sum(before.values()), "wake-ups", 0,
                      f"context switches of {len(after)} threads of {len(pids)} processes in 20 s")


# ---- the large local image ----

def timed(command):
    """(wall seconds, CPU seconds) of a command."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def install_64m():
    """A local 64 MiB image in blocks of 64 KiB, through the cache, to one device on an unpaced line.

    It has no limit of its own: the same file's sha256sum and cp are the measure. The gateway hashes
    each byte twice (into the cache and out of it), the device three times (block, second round,
    boot), and the simulator's referee once more.
    """
    size = 64 * MIB
    with Bench() as bench:
        package = bench.path("plant.gwp")
        bench.write_package(package, {"meter": bench.large_image(size)})
        plant = bench.plant({"line-1": large_device(size)})
        hashed, copied = timed(["sha256sum", package]), timed(["cp", package, bench.path("copy")])
        parts = {"core": plant.core.pid, "router": plant.child("gatewayd-router-uart"),
                 "simulated device": plant.sim_process.pid}
        before = {name: cpu_seconds(pid) for name, pid in parts.items()}
        job, wall = install(plant, package, mode="cached")
        used = {name: cpu_seconds(pid) - before[name] for name, pid in parts.items()}
        must_be_done(plant, job)
        assert plant.flashed() == size
        cpu = ", ".join(f"{name} {seconds:.2f}" for name, seconds in used.items())
        gateway = used["core"] + used["router"]
        return report("install.64m", round(wall, 3), "s", None,
                      f"{wall / hashed[0]:.1f} x sha256sum ({hashed[0]:.3f} s), {wall / copied[0]:.1f} x cp "
                      f"({copied[0]:.3f} s); CPU s: {cpu}; of the gateway {gateway / hashed[1]:.1f} x sha256sum's "
                      f"{hashed[1]:.2f}, {gateway / copied[1]:.1f} x cp's {copied[1]:.2f}")


# ---- the flipped bit ----

def spare_slot(path, size):
    """What lies in the payload part of the second slot of a flash file: two sectors of log, two slots."""
    with open(path, "rb") as flash:
        content = flash.read()
    slots = len(content) // SECTOR * SECTOR - 2 * SECTOR  # the monotonic counters are behind them
    return content[2 * SECTOR + slots // 2:][:size]


def programmed_bytes(content):
    """Bytes in granules of 8 that are not blank."""
    if content == b"\xff" * len(content):
        return 0
    return sum(8 for at in range(0, len(content), 8) if content[at:at + 8] != b"\xff" * 8)


def tamper_64m():
    """One flipped bit in the middle of a streamed 64 MiB image: what of it and after it is in flash."""
    size = 64 * MIB
    with Bench() as bench:
        web = bench.web()
        image = bench.large_image(size)
        data = bytearray(bench.pki.make_package({"meter": image}))
        bad = size // 2
        data[data.index(image.payload[:64]) + bad + BLOCK // 2] ^= 1
        with open(bench.path("www/plant.gwp"), "wb") as file:
            file.write(data)
        flash = bench.path("device.flash")
        plant = bench.plant({"line-1": large_device(size, file=flash)},
                            config={"tls_ca": web.ca, "mode": "streamed"})
        job, _ = install(plant, url=web.url("plant.gwp"))
        step, = job["steps"]
        counted = plant.flashed()
        good = min(counted, bad)
        content = spare_slot(flash, size)
        assert counted >= bad - 4 * BLOCK, f"only {counted} bytes were flashed: the bad block was not reached"
        assert content[:good] == image.payload[:good], "the good bytes are not where they should be"
        in_flash = programmed_bytes(content[bad:])
        value = max(in_flash, counted - bad)
        code = (step.get("error") or {}).get("code")
        is_kept = report("tamper.64m", max(value, 0), "B", 0,
                         f"bytes of the bad block or after it in flash, by gatewaysim's counter and its flash file; "
                         f"{good} of the {bad} good bytes before it were flashed; {code}")
        assert job["state"] == "failed" and code == "GW2012", job
        assert plant.versions() == {"line-1": "1.0.0"}
        plant.check_flash_rules()
        return is_kept


BENCHES = {"uart.raw": uart_raw, "uart.console": uart_console, "fanout.3": fanout, "rss.idle": rss_idle,
           "rss.streamed.growth": rss_streamed_growth, "idle.wakeups": idle_wakeups, "install.64m": install_64m,
           "tamper.64m": tamper_64m}


def main():
    names = sys.argv[1:]
    if not names or any(n not in BENCHES for n in names):
        print(f"usage: bench_system.py {' | '.join(BENCHES)} ...", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through every `with`
    return 0 if all([BENCHES[n]() for n in names]) else 1


if __name__ == "__main__":
    sys.exit(main())
