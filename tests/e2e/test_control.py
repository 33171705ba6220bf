"""The control socket against peers that do what they must not, and peers that may not."""
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from gwtest.plant import Plant
from gwtest.process import public_programs, wait_until
from gwtest.varlink import Varlink, VarlinkError

STATUS = "io.gatewayd.Control.Status"
INSTALL = "io.gatewayd.Control.Install"


def works(plant):
    return plant.call("Status")["system"] == "acme.example/plant"


def abuse(plant, data, fds=()):
    """Send bytes, end our half, and return the error that comes back."""
    with Varlink(plant.control) as connection:
        try:
            connection.send_raw(data, fds)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        try:
            reply = connection.receive()
        except OSError:
            return None
        return (reply or {}).get("parameters", {}).get("code")


def call_text(**members):
    return json.dumps({"method": STATUS, **members}).encode() + b"\0"


BAD_MESSAGES = {
    "oversized": b"{" + b" " * (1 << 20) + b"}\0",
    "endless": b"x" * (3 << 20),
    "truncated": call_text()[:-5],
    "deeply_nested": b'{"method":"' + STATUS.encode() + b'","parameters":{"a":' + b"[" * 1000 + b"]" * 1000 + b"}}\0",
    "not_utf8": b'{"method":"\xff\xfe"}\0',
    "not_json": b"GET / HTTP/1.1\r\n\r\n\0",
    "duplicate_key": b'{"method":"a.b","method":"' + STATUS.encode() + b'"}\0',
    "trailing_bytes": call_text()[:-1] + b" x\0",
    "no_method": b"{}\0",
    "empty": b"\0",
}


@pytest.fixture(scope="module")
def shared(pki):
    plant = Plant(pki).start()
    yield plant
    plant.stop()


@pytest.mark.parametrize("case", BAD_MESSAGES)
def test_a_bad_message_is_refused_and_audited(shared, case):
    before = sum(e["count"] for e in shared.audit())
    assert abuse(shared, BAD_MESSAGES[case]) in ("GW7006", None)
    lines = shared.audit()
    assert sum(e["count"] for e in lines) == before + 1
    assert lines[0]["object"] == "control socket" and lines[0]["error"]["code"] == "GW7006"
    assert works(shared)


def test_every_truncation_is_harmless(shared):
    text = call_text()
    for n in range(1, len(text)):
        assert abuse(shared, text[:n]) == "GW7006"
    assert works(shared)


def test_a_message_may_come_one_byte_at_a_time(shared):
    with Varlink(shared.control) as connection:
        for byte in call_text():
            connection.send_raw(bytes([byte]))
        assert next(connection.replies())["version"]


def test_pipelined_calls_are_answered_in_order(shared):
    with Varlink(shared.control) as connection:
        connection.send_raw(b"".join(
            json.dumps({"method": "io.gatewayd.Control.Explain", "parameters": {"code": c}}).encode() + b"\0"
            for c in ("GW2001", "GW2002", "GW2003")))
        answers = [connection.receive()["parameters"]["codes"][0]["code"] for _ in range(3)]
    assert answers == ["GW2001", "GW2002", "GW2003"]


def test_stray_descriptors_are_closed_and_refused(shared):
    def descriptors():
        return len(os.listdir(f"/proc/{shared.core.pid}/fd"))

    time.sleep(0.1)
    before = descriptors()
    with open("/etc/hostname", "rb") as file:
        fd = file.fileno()
        assert abuse(shared, call_text(), (fd,)) == "GW7009"
        install = json.dumps({"method": INSTALL, "parameters": {}}).encode() + b"\0"
        assert abuse(shared, install, (fd, fd)) == "GW7009"
        with Varlink(shared.control) as connection:  # not with the first byte of the connection
            connection.send_raw(call_text())
            connection.receive()
            connection.send_raw(install, (fd,))
            assert connection.receive()["parameters"]["code"] == "GW7009"
    wait_until(lambda: descriptors() == before, "all descriptors to be closed again")
    assert works(shared)


@pytest.mark.parametrize("path", ["/dev/null", "/", "/dev/zero"])
def test_only_regular_files_are_installed(shared, path):
    fd = os.open(path, os.O_RDONLY)
    with pytest.raises(VarlinkError) as refusal:
        shared.call("Install", {}, (fd,))
    os.close(fd)
    assert refusal.value.code == "GW7009"


def test_a_descriptor_for_writing_is_refused(shared):
    fd = os.open(shared.write_package(), os.O_WRONLY)
    with pytest.raises(VarlinkError) as refusal:
        shared.call("Install", {}, (fd,))
    os.close(fd)
    assert refusal.value.code == "GW7009"


def test_a_url_and_a_descriptor_together_are_refused(shared):
    with open(shared.write_package(), "rb") as file:
        for parameters, fds in (({"url": "https://x/y"}, (file.fileno(),)), ({}, ())):
            with pytest.raises(VarlinkError) as refusal:
                shared.call("Install", parameters, fds)
            assert refusal.value.code == "GW7008"


def test_wrong_parameters_are_named(shared):
    for method, parameters in (("Job", {"id": "one"}), ("Cancel", {}), ("Jobs", {"limit": 0}), ("Audit", {"limit": -1}),
                               ("BusTest", {"name": "line-1", "count": 0}), ("Job", {"nonsense": 1}),
                               ("Install", {"url": "https://x", "mode": "quick"})):
        with pytest.raises(VarlinkError) as refusal:
            shared.call(method, parameters)
        assert refusal.value.name == "org.varlink.service.InvalidParameter" or refusal.value.code == "GW7008"
    for method, parameters in (("Job", {"id": 999}), ("Cancel", {"id": 999}), ("Retry", {"id": 999}),
                               ("BusPause", {"name": "nobody"}), ("Explain", {"code": "GW1"})):
        with pytest.raises(VarlinkError) as refusal:
            shared.call(method, parameters)
        assert refusal.value.code == "GW7005", (method, refusal.value)


def test_the_service_describes_itself(shared):
    with Varlink(shared.control) as connection:
        info = connection.call("org.varlink.service.GetInfo")
        assert "io.gatewayd.Control" in info["interfaces"]
        text = connection.call("org.varlink.service.GetInterfaceDescription", {"interface": "io.gatewayd.Control"})
        assert "method Install" in text["description"]
        with pytest.raises(VarlinkError) as refusal:
            connection.call("io.gatewayd.Control.Nothing")
        assert refusal.value.name == "org.varlink.service.MethodNotFound"


def test_64_idle_connections_leave_the_daemon_whole(shared):
    connections = [Varlink(shared.control) for _ in range(64)]
    extra = Varlink(shared.control)
    assert extra.receive()["parameters"]["code"] == "GW7004"
    extra.close()
    for connection in connections:
        connection.close()

    def has_room():
        try:
            return works(shared)
        except VarlinkError:
            return False
    wait_until(has_room, "a place to be free again")


def test_a_follower_that_does_not_read_costs_nothing_but_itself(make_plant):
    plant = make_plant(baud=460800)
    number = plant.begin(plant.write_package())
    deaf = Varlink(plant.control)
    deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    for _ in range(3):
        deaf.send("io.gatewayd.Control.Job", {"id": number}, more=True)
    assert plant.wait_for_end(number)["state"] == "done"
    deaf.close()
    assert works(plant)


def test_following_tells_each_state_at_once_and_progress_at_most_twice_a_second(make_plant):
    plant = make_plant(baud=460800)
    number = plant.begin(plant.write_package())
    states, times = [], []
    with Varlink(plant.control) as connection:
        connection.send("io.gatewayd.Control.Job", {"id": number}, more=True)
        for reply in connection.replies():
            step = reply["job"]["steps"][0]
            if not states or states[-1] != step["state"]:
                states.append(step["state"])
            elif step["state"] == "staging":
                times.append(time.monotonic())
    assert states[-1] == "done" and "staging" in states, states
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps and min(gaps) > 0.3, gaps


PEER = """
import os, sys
sys.path.insert(0, sys.argv[2])
from gwtest.varlink import Varlink, VarlinkError
os.setgroups([]); os.setgid(65534); os.setuid(65534)  # who may not read this checkout, perhaps
with Varlink(sys.argv[1]) as connection:
    print(connection.call("io.gatewayd.Control.Status")["version"])
for method, parameters in (("Install", {"url": "https://x/y"}), ("Cancel", {"id": 1}), ("BusPause", {"name": "line-1"})):
    with Varlink(sys.argv[1]) as connection:
        try:
            connection.call("io.gatewayd.Control." + method, parameters)
            print("permitted")
        except VarlinkError as refusal:
            print(refusal.code)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user")
def test_a_peer_that_may_not_is_refused_and_audited(make_plant):
    plant = make_plant()
    os.chmod(plant.control, 0o666)  # as an operator may do, to let everybody look
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    done = subprocess.run([sys.executable, "-c", PEER, plant.control, here], capture_output=True, text=True, check=False)
    assert done.stdout.split()[1:] == ["GW7003"] * 3, done
    assert sum(e["count"] for e in plant.audit() if e["event"] == "denied") == 3
    assert plant.call("Buses")["buses"][0]["state"] != "paused"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user")
def test_a_peer_without_access_cannot_even_connect(make_plant):
    plant = make_plant()
    assert os.stat(plant.control).st_mode & 0o777 == 0o660
    ctl = public_programs(plant.path("bin"), "gatewayctl")["gatewayctl"]
    done = subprocess.run([ctl, "--socket", plant.control, "status"], user=65534, group=65534,
                          extra_groups=[], capture_output=True, text=True, check=False)
    assert done.returncode in (7, 8), done
