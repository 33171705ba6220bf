"""Kills and power cuts in mid-transfer: the job goes on from where it was, and its status is true."""
import os
import signal

import pytest

from gwtest.process import wait_until
from gwtest.web import Nginx

BAUD = 230400       # 100 kB take about five seconds
HALF = 50_000
RESUMED_MIN = 30_000


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    os.chmod(folder, 0o755)
    (folder / "root").mkdir()
    server = Nginx(folder / "server", folder / "root")
    server.root = folder / "root"
    yield server
    server.stop()


@pytest.fixture
def slow(make_plant, nginx):
    plant = make_plant(baud=BAUD, config={"tls_ca": nginx.ca})
    plant.package = plant.write_package()
    (nginx.root / "plant.gwp").write_bytes(plant.pki.make_package())
    plant.url = nginx.url("plant.gwp")
    return plant


def begin_url(plant, mode):
    return plant.call("Install", {"url": plant.url, "mode": mode})["job"]


def check(plant, number, resumed=True):
    job = plant.wait_for_end(number)
    assert job["state"] == "done", job
    assert plant.versions()["line-1"] == "2.0.0"
    if resumed:
        assert job["steps"][0]["resumed_at"] >= RESUMED_MIN, job
        assert plant.flashed() < len(plant.pki.new.payload) + RESUMED_MIN
    plant.check_flash_rules()
    return job


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_the_core_is_killed(slow, mode):
    number = begin_url(slow, mode)
    slow.wait_for_bytes(HALF)
    slow.core.kill()
    slow.start_core()
    assert slow.job(number)["state"] in ("running", "committed")
    check(slow, number)


def test_the_core_is_stopped_and_started(slow):
    number = begin_url(slow, "cached")
    slow.wait_for_bytes(HALF)
    assert slow.core.stop() == 0
    slow.start_core()
    check(slow, number)


def test_the_core_is_killed_with_a_local_file_that_is_in_the_cache(slow):
    number = slow.begin(slow.package, mode="cached")
    slow.wait_for_bytes(HALF)
    slow.core.kill()
    slow.start_core()
    check(slow, number)


def test_a_local_file_that_was_streamed_is_asked_for_again(slow):
    number = slow.begin(slow.package, mode="streamed")
    slow.wait_for_bytes(HALF)
    slow.core.kill()
    slow.start_core()
    job = slow.wait_for_end(number)
    assert job["state"] == "failed" and job["steps"][0]["error"]["code"] == "GW5014", job
    assert slow.versions()["line-1"] == "1.0.0"
    check(slow, slow.begin(slow.package, mode="streamed"))


def test_the_router_is_killed(slow):
    number = slow.begin(slow.package)
    slow.wait_for_bytes(HALF)
    os.kill(slow.child("gatewayd-router-uart"), signal.SIGKILL)
    check(slow, number)
    assert slow.call("Buses")["buses"][0]["restarts"] == 1


def test_the_fetcher_is_killed(slow):
    number = begin_url(slow, "streamed")
    slow.wait_for_bytes(HALF)
    os.kill(slow.child("gatewayd-fetch"), signal.SIGKILL)
    check(slow, number, resumed=False)


def test_the_device_loses_power(slow):
    number = slow.begin(slow.package)
    slow.wait_for_bytes(HALF)
    slow.sim("PowerCut", device="line-1")
    wait_until(lambda: slow.job(number)["steps"][0]["state"] == "away", "the step to be away")
    slow.sim("PowerOn", device="line-1")
    check(slow, number)


def test_the_line_breaks(slow):
    number = slow.begin(slow.package)
    slow.wait_for_bytes(HALF)
    slow.sim("BreakLine", bus="line-1")
    wait_until(lambda: slow.job(number)["steps"][0]["state"] == "away", "the step to be away")
    slow.sim("MendLine", bus="line-1")
    check(slow, number)


@pytest.mark.parametrize("noise", ["loss_ppm", "corruption_ppm", "duplicate_ppm"])
def test_the_line_is_noisy(make_plant, noise):
    """One byte of 10 000 is lost, damaged or doubled, in both directions."""
    plant = make_plant(baud=BAUD, noise={noise: 100, "seed": 5})
    check(plant, plant.begin(plant.write_package()), resumed=False)


def test_a_bus_is_paused_and_resumed(slow):
    number = slow.begin(slow.package)
    slow.wait_for_bytes(HALF)
    status, out, err = slow.ctl("bus", "pause", "line-1")
    assert status == 0, err
    before = slow.device("line-1")["counters"]["bytes_flashed"]
    assert slow.call("Buses")["buses"][0]["state"] == "paused"
    assert slow.job(number)["state"] == "running"
    wait_until(lambda: slow.job(number)["steps"][0]["state"] == "staging", "the step to wait where it is")
    after = slow.device("line-1")["counters"]["bytes_flashed"]
    assert after - before < 10_000
    assert slow.ctl("bus", "resume", "line-1")[0] == 0
    check(slow, number)


def test_a_job_is_cancelled_and_retried(slow):
    number = slow.begin(slow.package)
    slow.wait_for_bytes(HALF)
    assert slow.ctl("job", "cancel", number)[0] == 0
    job = slow.wait_for_end(number)
    assert job["state"] == "cancelled"
    assert slow.versions()["line-1"] == "1.0.0"
    assert slow.ctl("job", "cancel", number)[0] != 0
    slow.call("Retry", {"id": number})
    check(slow, number)


def test_a_device_that_is_away_for_too_long_fails_and_is_retried(make_plant):
    plant = make_plant(config={"away_deadline": 3}, baud=BAUD)
    number = plant.begin(plant.write_package(), mode="cached")
    plant.wait_for_bytes(HALF)
    plant.sim("PowerCut", device="line-1")
    job = plant.wait_for_end(number)
    assert job["state"] == "failed" and job["steps"][0]["error"]["code"] == "GW4010", job
    plant.sim("PowerOn", device="line-1")
    plant.call("Retry", {"id": number})
    check(plant, number)


@pytest.mark.parametrize("at, operations", [(1_000, 1), (30_000, 2), (60_000, 5), (90_000, 3)])
def test_power_fails_inside_a_flash_operation(make_plant, at, operations):
    plant = make_plant(baud=BAUD)
    number = plant.begin(plant.write_package())
    plant.wait_for_bytes(at)
    plant.sim("PowerCutAt", device="line-1", after_flash_ops=operations)
    wait_until(lambda: not plant.device("line-1")["powered"], "the cut")
    plant.sim("PowerOn", device="line-1")
    check(plant, number, resumed=False)


def test_a_second_install_is_busy_and_a_newer_package_supersedes(slow):
    number = slow.begin(slow.package)
    slow.wait_for_bytes(10_000)
    status, _, err = slow.ctl("install", slow.package)
    assert status == 6 and "GW7004" in err
    newer = slow.pki.make_image(3, 30_000)
    path = slow.write_package(slow.pki.make_package({"meter": newer}, sequence=3), "newer.gwp")
    second = slow.begin(path, supersede=True)
    job = slow.wait_for_end(second)
    assert job["state"] == "done", job
    assert slow.job(number)["state"] in ("cancelled", "failed")
    assert slow.versions()["line-1"] == "3.0.0"
