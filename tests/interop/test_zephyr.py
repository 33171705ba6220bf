"""Our UART router against SMP servers that we did not write: Zephyr 4.4 and MCUboot in QEMU and as
native_sim programs (tests/interop/peers.sh fetches them)."""
import base64
import binascii
import glob
import hashlib
import os
import shutil
import socket
import struct
import sys
import threading
import tty

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from gwtest.process import Process, free_port, wait_until  # noqa: E402
from gwtest.router import Router  # noqa: E402
from gwtest.varlink import Varlink, VarlinkError  # noqa: E402

PEERS = os.environ.get("GW_PEERS", os.path.join(os.path.dirname(__file__), "..", "..", "build", "peers"))
SERVERS = os.path.join(PEERS, "smp-server")


def need(name, pattern, tool=None):
    """The one file that fits, or a loud skip of `name`."""
    found = glob.glob(os.path.join(SERVERS, pattern))
    if not found:
        pytest.skip(f"{name}: the Zephyr SMP servers are not there (tests/interop/peers.sh)")
    if tool and not shutil.which(tool):
        pytest.skip(f"{name}: {tool} is not installed")
    return found[0]


class PtyBridge:
    """Connects the pseudo terminal of a native_sim program with a Unix socket that it listens on."""

    def __init__(self, pty, path):
        self.tty = os.open(pty, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.tty)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pump_in, args=(peer,), daemon=True).start()
            self._pump_out(peer)

    def _pump_in(self, peer):
        while data := peer.recv(4096):
            while data:
                data = data[os.write(self.tty, data):]

    def _pump_out(self, peer):
        try:
            while True:
                peer.sendall(os.read(self.tty, 4096))
        except OSError:
            peer.close()


@pytest.fixture
def router(tmp_path):
    router = Router(tmp_path)
    yield router
    router.stop()


def start_native(name, pattern, tmp_path):
    """Start a native_sim server; returns the process and the link URI to it."""
    server = need(name, pattern)
    process = Process([server], tmp_path / "zephyr.log", cwd=tmp_path)
    if not process.alive() or not os.path.exists("/lib/ld-linux.so.2"):
        pytest.skip(f"{name}: this machine cannot run 32-bit programs (libc6-i386)")

    def pty():
        for line in process.log().splitlines():
            if "pseudotty: " in line:
                return line.split("pseudotty: ")[1].strip()
        return None

    path = str(tmp_path / "line")
    PtyBridge(wait_until(pty, "the server's pseudo terminal"), path)
    return process, f"unix:{path}"


def start_qemu(name, machine, cpu, loads, tmp_path):
    """Start a server in QEMU with its first UART on loopback TCP."""
    if not shutil.which("qemu-system-arm"):
        pytest.skip(f"{name}: qemu-system-arm is not installed")
    port = free_port()
    loaders = [arg for load in loads for arg in ("-device", "loader," + load)]
    process = Process(["qemu-system-arm", "-cpu", cpu, "-machine", machine, "-nographic", "-chardev",
                       f"socket,id=con,host=127.0.0.1,port={port},server=on,wait=off", "-serial", "chardev:con",
                       "-serial", "null", "-monitor", "none", *loaders], tmp_path / "qemu.log")

    def listens():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, "QEMU")
    return process, f"tcp://127.0.0.1:{port}"


def mcuboot_image(path):
    """The bytes and the SHA-256 TLV of a signed MCUboot image."""
    with open(path, "rb") as file:
        image = file.read()
    header = int.from_bytes(image[8:10], "little")
    size = int.from_bytes(image[12:16], "little")
    protected = int.from_bytes(image[10:12], "little")
    at = header + size + protected + 4
    while True:
        kind = int.from_bytes(image[at:at + 2], "little")
        length = int.from_bytes(image[at + 2:at + 4], "little")
        if kind == 0x10:
            return image, image[at + 4:at + 4 + length]
        at += 4 + length


def image_ref(handle, payload, state_hash):
    digest = hashlib.sha256(payload).hexdigest()
    return {"handle": handle, "identity": digest, "payload_only": True, "size": len(payload), "cms_size": 0,
            "payload_size": len(payload), "block_size": 1024, "token": digest, "state_hash": state_hash.hex(),
            "component": 0, "sequence": 2, "version": "2.0.0"}


FOREIGN = [{"name": "dut", "foreign": True}]


@pytest.mark.parametrize("pattern", ["*native_sim_serial_buf2048.exe", "*native_sim_serial_buf96.exe",
                                     "*native_sim_serial_noparams.exe", "*native_sim_serial_raw.exe",
                                     "*native_sim_serial_line512.exe"])
def test_bus_test_reads_a_real_server_without_loss(router, tmp_path, pattern):
    process, link = start_native("zephyr-native", pattern, tmp_path)
    try:
        router.open("dut", link, FOREIGN, {"framing": "raw"} if "raw" in pattern else {})
        test = router.call("Test", {"device": "dut", "count": 50})[-1]
        assert test["answered"] == test["sent"] == 50
    finally:
        process.kill()


def wait_for_boot(link, text):
    """Read the console until the server says that it runs. QEMU's UART models never receive again when a byte comes
    before the driver has enabled reception, so nobody may speak earlier."""
    host, port = link.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as console:
        seen = b""
        while text not in seen:
            seen += console.recv(4096)


def cortex_m0(tmp_path):
    """A Zephyr application with two slots over MCUboot; returns process, link and its signed image."""
    merged = need("zephyr-qemu", "*qemu_cortex_m0_serial.merged.hex", "qemu-system-arm")
    process, link = start_qemu("zephyr-qemu", "microbit", "cortex-m0", [f"file={merged}"], tmp_path)
    wait_for_boot(link, b"build time")
    return process, link, need("zephyr-qemu", "*qemu_cortex_m0_serial.signed.bin")


def other_release(signed):
    """An image that differs from `signed` and says so in its hash TLV: a server stores and shows it."""
    image, state_hash = mcuboot_image(signed)
    other_hash = hashlib.sha256(b"other" + state_hash).digest()
    middle = len(image) // 2
    other = image[:middle] + bytes([image[middle] ^ 1]) + image[middle + 1:]
    return other.replace(state_hash, other_hash), other_hash


def stage(router, payload, state_hash):
    router.images[1] = payload
    return router.results("Stage", ["dut"], image_ref(1, payload, state_hash))["dut"]


def slot_with(router, state_hash):
    slots = router.identify("dut")["dut"]["slots"]
    return next((slot for slot in slots if slot.get("identity") == state_hash.hex()), None)


def test_state_upload_and_resume_on_a_zephyr_application(router, tmp_path):
    process, link, signed = cortex_m0(tmp_path)
    try:
        router.open("dut", link, FOREIGN)
        device = router.identify("dut")["dut"]
        running = [slot for slot in device["slots"] if slot["active"]]
        assert not device["own"] and len(running) == 1
        assert running[0]["identity"] == mcuboot_image(signed)[1].hex()
        payload, state_hash = other_release(signed)
        router.images[1] = payload
        with Varlink(router.path, timeout=120) as connection:  # cut the first upload in the middle
            for reply in connection.call_more("io.gatewayd.Router.Stage",
                                              {"devices": ["dut"], "image": image_ref(1, payload, state_hash)}):
                if (reply.get("progress") or {}).get("done", 0) > len(payload) // 2:
                    break
        result = wait_until(lambda: not_busy(lambda: stage(router, payload, state_hash)), "the router to be free")
        assert result["outcome"] == "done", result
        assert result["resumed_at"] > len(payload) // 4, result
        assert slot_with(router, state_hash)["state"] in ("staged", "unknown")
    finally:
        process.kill()


def not_busy(call):
    """None while the router still winds up a cancelled call."""
    try:
        return call()
    except VarlinkError as error:
        if error.name.endswith(".Busy"):
            return None
        raise


def recovery(tmp_path, pattern):
    merged = need("mcuboot-recovery", pattern + ".hex", "qemu-system-arm")
    signed = need("mcuboot-recovery", pattern + ".signed.bin")
    return start_qemu("mcuboot-recovery", "mps2-an385", "cortex-m3",
                      [f"file={merged}", f"file={signed},addr=0x20050000"], tmp_path)


@pytest.mark.parametrize("size, other", [("2048", "1024"), ("512", "400")])
def test_upload_to_the_second_slot_of_an_application(router, tmp_path, size, other):
    process, link = recovery(tmp_path, f"*mps2_an385_serial_recovery_buf{size}")
    try:
        payload, state_hash = mcuboot_image(
            need("mcuboot-recovery", f"*mps2_an385_serial_recovery_buf{other}.signed.bin"))
        router.open("dut", link, FOREIGN)
        wait_until(lambda: router.identify("dut").get("dut"), "the device")
        assert slot_with(router, state_hash) is None
        result = stage(router, payload, state_hash)
        assert result["outcome"] == "done" and result["bytes_sent"] >= len(payload), result
        assert slot_with(router, state_hash)["state"] == "staged"
    finally:
        process.kill()


def reset_into_recovery(link):
    """Group 0, reset with boot_mode 1: MCUboot stays in its serial recovery."""
    host, port = link.removeprefix("tcp://").split(":")
    body = b"\xa1\x69boot_mode\x01"
    message = struct.pack(">BBHHBB", 0x0A, 0, len(body), 0, 7, 5) + body
    line = struct.pack(">H", len(message) + 2) + message + struct.pack(">H", binascii.crc_hqx(message, 0))
    with socket.create_connection((host, int(port)), timeout=1) as console:
        def answers():
            console.sendall(b"\x06\x09" + base64.b64encode(line) + b"\n")
            try:
                return console.recv(4096) != b""
            except TimeoutError:
                return False
        wait_until(answers, "the application to take the reset")


def has_spare_slot(router):
    """True: the application answers; False: MCUboot's recovery; None: nobody."""
    device = router.identify("dut").get("dut")
    return device and device["capabilities"]["spare_slot"]


def test_serial_recovery_takes_an_image_and_a_reset(router, tmp_path):
    """QEMU's loader puts the old image back at each reset, so the new one cannot be seen running; that the whole
    image went in and that the reset ended the recovery can."""
    process, link = recovery(tmp_path, "*mps2_an385_serial_recovery_buf2048")
    try:
        payload, state_hash = mcuboot_image(
            need("mcuboot-recovery", "*mps2_an385_serial_recovery_buf1024.signed.bin"))
        reset_into_recovery(link)
        router.open("dut", link, FOREIGN)
        wait_until(lambda: has_spare_slot(router) is False, "the recovery")
        assert stage(router, payload, state_hash)["outcome"] == "deferred"
        result = router.results("Activate", ["dut"], image_ref(1, payload, state_hash))["dut"]
        assert result["bytes_sent"] >= len(payload), result
        wait_until(lambda: has_spare_slot(router), "the application")
    finally:
        process.kill()
