"""A whole plant for a test: gatewaysim with its lines and devices, the daemon, and gatewayctl."""
import getpass
import json
import os
import random
import shutil
import subprocess
import tempfile

from . import package as pkg
from .process import Process, children_of, program, wait_until
from .varlink import Varlink

SYSTEM = "acme.example/plant"
VENDOR, CLASS = "acme.example", "pm1"


class Pki:
    """Authorities and images that many plants share; making them takes openssl some time."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.package = pkg.Authority(os.path.join(self.folder, "pki"), "package")
        self.image = pkg.Authority(os.path.join(self.folder, "pki"), "image")
        self.old = self.make_image(1, 40_000)
        self.new = self.make_image(2, 100_000)
        self.factory = self.old.write(os.path.join(self.folder, "old.gwi"))

    def make_image(self, sequence, size, **how):
        payload = random.Random(sequence * 1000 + size).randbytes(size)
        how = {"vendor": VENDOR, "class_name": CLASS, "version": f"{sequence}.0.0", **how}
        return pkg.Image(self.image, payload, sequence=sequence, **how)

    def make_package(self, images=None, **system):
        return pkg.make(self.package, images or {"meter": self.new}, **{"sequence": 2, "system": SYSTEM, **system})


class Plant:
    """`devices` maps the name of a line to what differs in its device; `config` to the daemon's keys."""

    def __init__(self, pki, devices=("line-1",), baud=0, config=None, noise=None):
        # Socket paths are short: sun_path has 108 bytes.
        self.folder = tempfile.mkdtemp(prefix="gw-")
        os.chmod(self.folder, 0o755)
        self.pki = pki
        self.names = list(devices)
        self.processes = []
        self.sim_process = self.core = None
        self._write_trust()
        self._write_field(devices if isinstance(devices, dict) else {d: {} for d in devices}, baud, noise)
        self.config = {"system": SYSTEM, "state_dir": self.path("state"), "cache_dir": self.path("cache"),
                       "run_dir": self.path("run"), "trust_dir": self.path("trust"),
                       "buses": {d: {"router": "uart", "link": f"unix:{self.path(d)}"} for d in self.names}}
        self.config.update(config or {})
        self.write_config()

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _write_trust(self):
        for role, authority in (("package", self.pki.package), (f"image/{VENDOR}", self.pki.image)):
            os.makedirs(self.path("trust", role))
            shutil.copy(authority.root, self.path("trust", role))

    def _write_field(self, devices, baud, noise):
        buses = []
        for i, (name, special) in enumerate(devices.items()):
            device = {"vendor": VENDOR, "class": CLASS, "hardware": 1, "serial": f"SN{i}",
                      "anchors": [self.pki.image.root], "factory": self.pki.factory, "boot_ms": 50,
                      "self_test_ms": 100, "flash": {"file": self.path(f"{name}.flash")}}
            device.update(special)
            buses.append({"name": name, "link": f"unix:{self.path(name)}", "baud": baud, "latency_us": 0,
                          "device": device, **({"noise": noise} if noise else {})})
        with open(self.path("field.json"), "w", encoding="utf-8") as field:
            json.dump({"buses": buses}, field)

    def write_config(self, **changes):
        self.config.update(changes)
        with open(self.path("gatewayd.json"), "w", encoding="utf-8") as config:
            json.dump(self.config, config)
        os.chmod(self.path("gatewayd.json"), 0o644)

    # ---- processes ----

    def start(self):
        self.start_sim()
        self.start_core()
        return self

    def start_sim(self):
        self.sim_process = Process([program("gatewaysim"), self.path("field.json"), "--socket", self.path("sim")],
                                   self.path("sim.log"))
        self.sim_process.wait_for_socket(self.path("sim"))
        wait_until(lambda: all(self.versions().values()), "the devices to boot")

    def start_core(self, wait=True):
        self.core = Process([program("gatewayd"), "--config", self.path("gatewayd.json"), "--user",
                             getpass.getuser()], self.path("core.log"))
        if wait:
            self.core.wait_for_socket(self.control)

    def stop(self):
        """Stops both; what was not killed before must end well (sanitizers say so with their status)."""
        ended = []
        for process in (self.core, self.sim_process):
            if process and process.alive():
                ended.append((process.stop(), process.log()))
        shutil.rmtree(self.folder, ignore_errors=True)
        for status, log in ended:
            assert status == 0, log

    def child(self, name):
        """Process id of a child of the daemon: "gatewayd-router-uart", "gatewayd-fetch"."""
        return children_of(self.core.pid).get(name)

    # ---- speaking to them ----

    @property
    def control(self):
        return self.path("run", "control")

    def call(self, method, parameters=None, fds=()):
        with Varlink(self.control, timeout=60) as connection:
            return connection.call("io.gatewayd.Control." + method, parameters, fds)

    def sim(self, method, **parameters):
        with Varlink(self.path("sim")) as connection:
            return connection.call("io.gatewayd.Sim." + method, parameters)

    def device(self, name):
        """What the simulator knows of a device: the truth."""
        return next(d for d in self.sim("Devices")["devices"] if d["name"] == name)

    def versions(self):
        return {d["name"]: d["running_version"] for d in self.sim("Devices")["devices"]}

    def flashed(self):
        return sum(d["counters"]["bytes_flashed"] for d in self.sim("Devices")["devices"])

    def check_flash_rules(self):
        for device in self.sim("Devices")["devices"]:
            counters = device["counters"]
            assert counters["unverified_bytes"] == counters["early_ops"] == counters["violations"] == 0, device

    def ctl(self, *args, timeout=120):
        """gatewayctl: (exit status, standard output, standard error)."""
        done = subprocess.run([program("gatewayctl"), "--socket", self.control, *map(str, args)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
        return done.returncode, done.stdout, done.stderr

    def ctl_json(self, *args, timeout=120):
        status, out, err = self.ctl(*args, "--json", timeout=timeout)
        lines = [json.loads(line) for line in out.splitlines() if line]
        assert lines, (status, out, err)
        return status, lines[-1]

    def write_package(self, data=None, name="plant.gwp"):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(data if data is not None else self.pki.make_package())
        return path

    def begin(self, path, **parameters):
        """Install a file without waiting for its job; the job's id."""
        with open(path, "rb") as file:
            return self.call("Install", {"name": os.path.basename(path), **parameters}, (file.fileno(),))["job"]

    def job(self, number=None):
        return self.call("Job", {"id": number} if number else {})["job"]

    def wait_for_bytes(self, count, device=None, timeout=60):
        """Until a device has so many bytes of the running job's image."""
        def has_them():
            steps = [s for s in self.job()["steps"] if device in (None, s["device"])]
            return any(s["done"] >= count for s in steps)
        wait_until(has_them, f"{count} bytes on {device or 'a device'}", timeout)

    def wait_for_end(self, number=None, timeout=120):
        """The job, once it has ended."""
        def ended():
            try:
                job = self.job(number)
            except (OSError, ConnectionError):
                return None
            return job if job["state"] not in ("preparing", "running", "committed") else None
        return wait_until(ended, "the job's end", timeout, pause=0.05)

    def audit(self):
        return self.call("Audit")["entries"]
