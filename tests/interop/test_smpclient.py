"""Our simulated devices under an SMP client that we did not write: the same device that our router is tried against must
make sense to others (tests/interop/peers.sh fetches smpclient)."""
import hashlib
import json
import os
import struct
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from gwtest.plant import CLASS, VENDOR, Pki  # noqa: E402
from gwtest.process import Process, program  # noqa: E402
from gwtest.pty import Pty  # noqa: E402
from gwtest.varlink import Varlink  # noqa: E402

PEERS = os.environ.get("GW_PEERS", os.path.join(os.path.dirname(__file__), "..", "..", "build", "peers"))
SESSION = os.path.join(os.path.dirname(__file__), "smpclient_session.py")


@pytest.fixture
def client():
    python = os.path.join(PEERS, "smpclient", "bin", "python")
    if not os.access(python, os.X_OK):
        pytest.skip("smpclient is not there (tests/interop/peers.sh)")
    return python


def mcuboot(minor, size):
    """An MCUboot image with its SHA-256 TLV."""
    header = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 32, 0, size, 0, 1, minor, 0, 0, 0)
    body = header + bytes(i * 7 % 251 for i in range(size))
    return body + struct.pack("<HHHH", 0x6907, 40, 0x10, 32) + hashlib.sha256(body).digest()


def upgrade(client, folder, device, framing, image):
    """Run the device, let the client upgrade it over a pseudo terminal; what it saw, and the device's own facts."""
    field = {"buses": [{"name": "dut", "link": f"unix:{folder}/line", "baud": 0, "latency_us": 0,
                        "device": {"boot_ms": 20, "self_test_ms": 20, **device}}]}
    (folder / "field.json").write_text(json.dumps(field))
    (folder / "image").write_bytes(image)
    sim = Process([program("gatewaysim"), folder / "field.json", "--socket", folder / "control"], folder / "sim.log")
    try:
        sim.wait_for_socket(folder / "control")
        with Pty(f"{folder}/line") as port:
            done = subprocess.run([client, SESSION, port.path, framing, folder / "image"], capture_output=True,
                                  text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        with Varlink(str(folder / "control")) as control:
            facts = control.call("io.gatewayd.Sim.Devices")["devices"][0]
        return json.loads(done.stdout), facts
    finally:
        sim.stop()


def flags(states):
    return [(s["active"], s["pending"], s["confirmed"]) for s in states]


@pytest.mark.parametrize("framing", ["encoded", "raw"])
def test_smpclient_upgrades_our_device(client, tmp_path, framing):
    pki = Pki(tmp_path)
    device = {"vendor": VENDOR, "class": CLASS, "hardware": 1, "anchors": [pki.image.root], "factory": pki.factory}
    path = pki.new.write(str(tmp_path / "new.gwi"))
    with open(path, "rb") as gwi:
        seen, facts = upgrade(client, tmp_path, device, framing, gwi.read())
    assert seen["params"] == [2048, 4] and seen["echo"] == "hello"
    assert flags(seen["before"]) == [(True, False, True)]
    assert flags(seen["uploaded"]) == [(True, False, True), (False, False, False)]
    assert flags(seen["test"]) == [(True, False, True), (False, True, False)]
    assert flags(seen["trial"]) == [(False, False, True), (True, False, False)]
    assert flags(seen["confirmed"])[1] == (True, False, True)
    assert seen["offsets"] == sorted(seen["offsets"])
    assert facts["running_identity"] == seen["uploaded"][1]["hash"] and not facts["on_trial"]
    assert facts["counters"]["unverified_bytes"] == facts["counters"]["early_ops"] == 0


@pytest.mark.parametrize("framing", ["encoded", "raw"])
def test_smpclient_upgrades_our_stand_in_for_a_stock_device(client, tmp_path, framing):
    (tmp_path / "old.bin").write_bytes(mcuboot(0, 20_000))
    new = mcuboot(1, 30_000)
    seen, facts = upgrade(client, tmp_path, {"kind": "foreign", "factory": "old.bin"}, framing, new)
    assert [s["version"] for s in seen["uploaded"]] == ["1.0.0", "1.1.0"]
    assert seen["uploaded"][1]["hash"] == new[-32:].hex()
    assert facts["running_version"] == "1.1.0" and not facts["on_trial"]
