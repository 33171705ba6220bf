"""A router process as the core runs it: listening socket on 3, image channel on 4."""
import os
import socket
import struct
import threading

from .process import Process, program
from .varlink import Varlink


class Router:
    """Serves the bytes of `images` {handle: bytes} on the image channel, in a thread of the test."""

    def __init__(self, folder, name="uart", env=None):
        self.path = os.path.join(str(folder), f"{name}.bus")
        self.images = {}
        self.reads = []
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.path)
        listener.listen(16)
        self.channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def place_descriptors():
            a, b = os.dup(listener.fileno()), os.dup(far_end.fileno())
            os.dup2(a, 3)
            os.dup2(b, 4)

        command = f"LISTEN_FDS=1 LISTEN_PID=$$ exec {program('gatewayd-router-' + name)}"
        self.process = Process(["/bin/sh", "-c", command], os.path.join(str(folder), f"router-{name}.log"),
                               env=env, preexec_fn=place_descriptors, close_fds=False)
        listener.close()
        far_end.close()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        self.watch = Varlink(self.path)
        self.watch.send("io.gatewayd.Router.Watch", more=True)

    def _serve(self):
        while True:
            try:
                request = self.channel.recv(64)
            except OSError:
                return
            if len(request) != 24:
                return
            number, length, handle, offset = struct.unpack("<IIQQ", request)
            self.reads.append((offset, length))
            data = self.images[handle][offset:offset + length]
            self.channel.send(struct.pack("<II", number, 0) + data)

    def call(self, method, parameters=None, timeout=120):
        """All replies of one call, with `more`."""
        with Varlink(self.path, timeout=timeout) as connection:
            return list(connection.call_more("io.gatewayd.Router." + method, parameters))

    def open(self, bus, link, devices=None, options=None):
        with Varlink(self.path) as connection:
            return connection.call("io.gatewayd.Router.Open", {
                "interface_version": 1, "bus": bus, "link": link, "options": options or {},
                "devices": devices if devices is not None else [{"name": bus}]})

    def results(self, method, devices, image):
        replies = self.call(method, {"devices": devices, "image": image})
        return {r["result"]["device"]: r["result"] for r in replies if r.get("result")}

    def identify(self, *devices):
        replies = self.call("Identify", {"devices": list(devices)})
        return {r["device"]["name"]: r["device"] for r in replies if r.get("device")}

    def stop(self):
        self.watch.close()
        self.channel.close()
        self.process.stop()
