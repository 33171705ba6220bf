"""Processes that a test starts, each by id, with its output in a file; all end with the test."""
import os
import shutil
import signal
import socket
import subprocess
import time


def build_dir():
    """Where the programs are: GW_BUILD, or build/release of this checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.environ.get("GW_BUILD", os.path.join(here, "..", "..", "build", "release"))


def program(name):
    return os.path.join(os.path.abspath(build_dir()), "bin", name)


def public_programs(folder, *names):
    """Copies of programs that every user may run, wherever the build is: {name: path}."""
    os.makedirs(folder, mode=0o755, exist_ok=True)
    return {name: shutil.copy(program(name), folder) for name in names}


def wait_until(condition, what, timeout=30, pause=0.01):
    """Poll for an event of another process; returns what `condition` returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout} s for: {what}")
        time.sleep(pause)


def free_port():
    with socket.socket(socket.AF_INET) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    def __init__(self, args, log, env=None, **options):
        self.log_path = str(log)
        self.args = [str(a) for a in args]
        with open(self.log_path, "ab") as output:
            self.popen = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          env={**os.environ, **(env or {})}, **options)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as text:
            return text.read()

    def wait_for_socket(self, path, timeout=20):
        def answers():
            if not self.alive():
                raise RuntimeError(f"{self.args[0]} ended with {self.popen.returncode}:\n{self.log()}")
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(str(path))
                return True
            except OSError:
                return False
        wait_until(answers, f"{self.args[0]} to listen on {path}", timeout)

    def kill(self):
        """As power loss: no chance to clean up."""
        self.popen.kill()
        self.popen.wait()

    def stop(self, timeout=20):
        """SIGTERM and wait; SIGKILL only when that does not help, and then it is a failure."""
        if self.alive():
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise RuntimeError(f"{self.args[0]} did not stop on SIGTERM:\n{self.log()}") from None
        return self.popen.returncode


def children_of(pid):
    """{program name: pid} of the direct children, by /proc."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                text = stat.read()
            parent = int(text[text.rindex(")") + 2:].split()[1])
            if parent == pid:
                with open(f"/proc/{entry}/cmdline", "rb") as cmdline:
                    name = os.path.basename(cmdline.read().split(b"\0")[0].decode())
                found[name] = int(entry)
        except (OSError, ValueError):
            continue
    return found
