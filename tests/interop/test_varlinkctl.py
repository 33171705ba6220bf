"""The stock varlinkctl (systemd 257, fetched by tests/interop/peers.sh) against our Varlink server:
info, introspect, call, --more, on a router's socket and on the control socket of a daemon that
upgrades a device; and its own check of every interface file."""
import glob
import json
import os
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from gwtest.plant import Pki, Plant  # noqa: E402
from gwtest.router import Router  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PEERS = os.environ.get("GW_PEERS", os.path.join(ROOT, "build", "peers"))
VARLINKCTL = os.path.join(PEERS, "varlinkctl")


@pytest.fixture(autouse=True)
def varlinkctl_is_there():
    if not os.access(VARLINKCTL, os.X_OK):
        pytest.skip("varlinkctl: the one of Debian 13 is not there (tests/interop/peers.sh)")


@pytest.fixture
def router(tmp_path):
    router = Router(tmp_path)
    router.process.wait_for_socket(router.path)
    yield router
    router.stop()


def varlinkctl(*args):
    return subprocess.run([VARLINKCTL, *args], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(ROOT, "ipc", "*.varlink"))), ids=os.path.basename)
def test_every_interface_file_is_valid(path):
    result = varlinkctl("validate-idl", path)
    assert result.returncode == 0, result.stderr


def test_info_names_the_interfaces(router):
    result = varlinkctl("info", router.path)
    assert result.returncode == 0, result.stderr
    assert "io.gatewayd.Router" in result.stdout
    assert "org.varlink.service" in result.stdout


def test_introspect_shows_the_methods(router):
    result = varlinkctl("introspect", router.path, "io.gatewayd.Router")
    assert result.returncode == 0, result.stderr
    assert "method Stage(" in result.stdout
    assert "type Device(" in result.stdout


def test_a_wrong_call_is_refused_with_the_standard_error(router):
    cases = [
        ("io.gatewayd.Router.Nothing", "{}", "MethodNotFound"),
        ("io.gatewayd.Nobody.Status", "{}", "InterfaceNotFound"),
        ("io.gatewayd.Router.Identify", '{"devices":[1]}', "InvalidParameter"),
        ("io.gatewayd.Router.Identify", "{}", "InvalidParameter"),
    ]
    for method, parameters, error in cases:
        result = varlinkctl("call", router.path, method, parameters)
        assert result.returncode != 0
        assert error in result.stderr


def test_call_and_more(router, tmp_path):
    with socket.socket(socket.AF_UNIX) as line:  # nobody answers on it: the device is away
        line.bind(str(tmp_path / "line"))
        line.listen(1)
        opened = varlinkctl("call", "--json=short", router.path, "io.gatewayd.Router.Open",
                            '{"interface_version":1,"bus":"b","link":"unix:%s","options":{},"devices":[{"name":"b"}]}'
                            % (tmp_path / "line"))
        assert opened.returncode == 0, opened.stderr
        assert '"router":"uart"' in opened.stdout
        replies = varlinkctl("--more", "--json=short", "call", router.path, "io.gatewayd.Router.Identify",
                             '{"devices":["b"]}')
        assert replies.returncode == 0, replies.stderr
        first, last = replies.stdout.replace("\x1e", "").splitlines()
        assert '"outcome":"away"' in first
        assert last == "{}"


@pytest.fixture
def plant(tmp_path):
    plant = Plant(Pki(tmp_path)).start()
    yield plant
    plant.stop()


def test_the_control_socket_of_a_running_daemon(plant):
    info = varlinkctl("info", plant.control)
    assert info.returncode == 0 and "io.gatewayd.Control" in info.stdout, info
    methods = varlinkctl("introspect", plant.control, "io.gatewayd.Control")
    assert methods.returncode == 0 and "method Install(" in methods.stdout, methods
    status = varlinkctl("call", "--json=short", plant.control, "io.gatewayd.Control.Status", "{}")
    assert json.loads(status.stdout)["system"] == plant.config["system"], status
    job = plant.begin(plant.write_package())
    followed = varlinkctl("--more", "--json=short", "call", plant.control, "io.gatewayd.Control.Job", '{"id":%d}' % job)
    assert followed.returncode == 0, followed
    states = [json.loads(line)["job"]["state"] for line in followed.stdout.replace("\x1e", "").splitlines()]
    assert len(states) > 1 and states[-1] == "done", states
    refused = varlinkctl("call", plant.control, "io.gatewayd.Control.Cancel", '{"id":999}')
    assert refused.returncode != 0 and "Failed" in refused.stderr, refused
