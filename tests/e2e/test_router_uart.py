"""The UART router's program with gatewaysim's devices: real processes, real time, a real serial port's code path."""
import os
import subprocess
import sys
import time

import pytest

from gwtest.process import build_dir
from gwtest.pty import Pty
from gwtest.router import Router
from gwtest.varlink import VarlinkError

SHIM = os.path.join(os.path.abspath(build_dir()), "tests", "libpty_shim.so")


@pytest.fixture
def line(make_plant):
    """A running gatewaysim with one device; no daemon."""
    def make(**options):
        plant = make_plant(start=False, **options)
        plant.start_sim()
        return plant

    return make


@pytest.fixture
def start_router(tmp_path):
    routers = []

    def start(env=None):
        routers.append(Router(tmp_path, env=env))
        return routers[-1]

    yield start
    for router in routers:
        router.stop()


def image_ref(image, handle=1):
    return {"handle": handle, "identity": image.identity.hex(), "payload_only": False, "size": len(image.gwi),
            "cms_size": len(image.cms), "payload_size": len(image.payload), "block_size": 1024,
            "token": "70" * 32, "component": image.component, "sequence": image.sequence, "version": image.version}


def upgrade(router, image):
    """Stage, Activate and Confirm; the seconds that the upload took."""
    router.images[1] = image.gwi
    begun = time.monotonic()
    staged = router.results("Stage", ["line-1"], image_ref(image))["line-1"]
    took = time.monotonic() - begun
    assert staged["outcome"] == "done", staged
    for verb in ("Activate", "Confirm"):
        result = router.results(verb, ["line-1"], image_ref(image))["line-1"]
        assert result["outcome"] == "done", result
    return took


def test_the_goodput_of_a_paced_line_in_real_time(line, start_router, pki):
    plant, router = line(baud=115200), start_router()
    router.open("line-1", f"unix:{plant.path('line-1')}?baud=115200")
    router.identify("line-1")
    took = upgrade(router, pki.new)
    assert len(pki.new.gwi) / took > 0.9 * 11520  # looking first, and the second round, are in it
    assert plant.versions() == {"line-1": "2.0.0"}
    plant.check_flash_rules()


@pytest.mark.skipif("asan" in build_dir(), reason="the shim must be loaded before the sanitizer")
def test_an_upgrade_through_libserialport(line, start_router, pki):
    plant, router = line(), start_router({"LD_PRELOAD": SHIM})
    with Pty(plant.path("line-1")) as port:
        router.open("line-1", f"serial:{port.path}?baud=921600")
        upgrade(router, pki.new)
        test = router.call("Test", {"device": "line-1", "count": 50})[-1]
        assert test["answered"] == test["sent"] == 50
        router.stop()
    assert plant.versions() == {"line-1": "2.0.0"}
    plant.check_flash_rules()


@pytest.mark.skipif("asan" in build_dir(), reason="the shim must be loaded before the sanitizer")
def test_a_port_that_another_program_holds_is_named(line, start_router):
    plant, router = line(), start_router({"LD_PRELOAD": SHIM})
    with Pty(plant.path("line-1")) as port:
        holder = subprocess.Popen([sys.executable, "-c", "import fcntl, sys\nport = open(sys.argv[1], 'rb+', 0)\n"
                                   "fcntl.flock(port, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.read()",
                                   port.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(VarlinkError) as refusal:
            router.open("line-1", f"serial:{port.path}")
        assert refusal.value.parameters["code"] == 3005
        assert f"process {holder.pid} (" in refusal.value.parameters["detail"]
        holder.communicate()
        router.open("line-1", f"serial:{port.path}")
        router.stop()


def test_a_line_that_breaks_in_mid_transfer_is_away_and_goes_on_when_it_is_mended(line, start_router, pki):
    plant, router = line(baud=921600), start_router()
    router.open("line-1", f"unix:{plant.path('line-1')}?baud=921600")
    router.images[1] = pki.new.gwi
    plant.sim("BreakLine", bus="line-1")
    result = router.results("Stage", ["line-1"], image_ref(pki.new))["line-1"]
    assert (result["outcome"], result["code"]) == ("away", 3001)
    plant.sim("MendLine", bus="line-1")
    upgrade(router, pki.new)
    assert plant.versions() == {"line-1": "2.0.0"}
