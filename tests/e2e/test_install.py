"""A signed package goes through the daemon and a router into simulated devices, and becomes true."""
import os

import pytest

from gwtest import package as pkg
from gwtest.plant import SYSTEM
from gwtest.web import Nginx

DEVICES = ("line-1", "line-2", "line-3")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    os.chmod(folder, 0o755)
    (folder / "root").mkdir()
    server = Nginx(folder / "server", folder / "root")
    server.root = folder / "root"
    yield server
    server.stop()


def check_done(plant, job, version="2.0.0"):
    assert job["state"] == "done", job
    assert set(plant.versions().values()) == {version}
    assert all(not d["on_trial"] for d in plant.sim("Devices")["devices"])
    plant.check_flash_rules()


def test_devices_are_shown_as_they_are(plant):
    status, out = plant.ctl_json("devices")
    assert status == 0
    device, = out["devices"]
    assert device["name"] == "line-1" and device["state"] == "ok" and device["version"] == "1.0.0"
    assert device["verified_by"] == "gateway + device"
    assert device["serial"] == b"SN0".hex()


def test_plan_tells_what_would_happen_and_flashes_nothing(plant):
    status, out = plant.ctl_json("plan", plant.write_package())
    step, = out["plan"]["steps"]
    assert status == 0 and out["plan"]["ok"]
    assert step["action"] == "upgrade" and step["from_version"] == "1.0.0" and step["to_version"] == "2.0.0"
    assert step["verified_by"] == "gateway + device"
    assert plant.flashed() == 0 and plant.call("Jobs")["jobs"] == []


def test_plan_asks_the_devices_and_not_its_memory(plant):
    assert plant.call("Devices")["devices"][0]["state"] == "ok"  # it is known from here on
    plant.sim("PowerCut", device="line-1")
    step, = plant.ctl_json("plan", plant.write_package())[1]["plan"]["steps"]
    assert step["action"] == "refuse" and step["error"]["code"] == "GW2507"
    assert plant.ctl_json("devices")[1]["devices"][0]["state"] == "absent"


def test_a_device_that_is_away_when_the_job_begins_gets_it_when_it_comes(plant):
    assert plant.call("Devices")["devices"][0]["state"] == "ok"  # it is known from here on
    plant.sim("PowerCut", device="line-1")
    number = plant.begin(plant.write_package())
    assert plant.job(number)["state"] == "running"
    plant.sim("PowerOn", device="line-1")
    check_done(plant, plant.wait_for_end(number))


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_a_local_file_is_installed(plant, mode):
    path = plant.write_package()
    job = plant.wait_for_end(plant.begin(path, mode=mode))
    check_done(plant, job)
    assert job["mode"] == mode and job["steps"][0]["mode"] == mode
    assert plant.flashed() == len(plant.pki.new.payload)
    complete = [e for e in plant.call("Cache")["entries"] if e["complete"]]
    assert len(complete) == (1 if mode == "cached" else 0)


def test_gatewayctl_follows_to_the_end(plant):
    status, out, err = plant.ctl("install", plant.write_package())
    assert status == 0, err
    assert "done" in out
    status, out = plant.ctl_json("devices")
    assert out["devices"][0]["version"] == "2.0.0"
    status, out = plant.ctl_json("status")
    assert out["release"] == "2026.11" and out["sequence"] == 2 and out["devices_ok"] == 1


def test_a_pipe_is_installed(plant):
    path = plant.write_package()
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        with open(path, "rb") as file, os.fdopen(writer, "wb") as out:
            out.write(file.read())
        os._exit(0)
    os.close(writer)
    number = plant.call("Install", {"name": "-"}, (reader,))["job"]
    os.close(reader)
    check_done(plant, plant.wait_for_end(number))
    os.wait()


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_a_url_is_installed_over_https(make_plant, nginx, mode):
    plant = make_plant(config={"tls_ca": nginx.ca, "mode": mode})
    data = plant.pki.make_package()
    (nginx.root / "plant.gwp").write_bytes(data)
    status, out, err = plant.ctl("install", nginx.url("plant.gwp"))
    assert status == 0, (out, err)
    job = plant.job()
    check_done(plant, job)
    assert job["steps"][0]["mode"] == mode


def with_optional(pki, images):
    entries = [pkg.component(n, i, required=n == "meter") for n, i in images.items()]
    content = pkg.system_manifest(entries, system=SYSTEM, sequence=2)
    return pkg.package(pki.package.sign(content, pkg.OID_SYSTEM), [(n, i.gwi) for n, i in images.items()])


def test_only_what_a_device_needs_is_downloaded(make_plant, nginx):
    plant = make_plant(config={"tls_ca": nginx.ca})
    big = plant.pki.make_image(2, 3_000_000, class_name="somebody-else", block_size=4096)
    (nginx.root / "two.gwp").write_bytes(with_optional(plant.pki, {"meter": plant.pki.new, "other": big}))
    status, out, err = plant.ctl("install", nginx.url("two.gwp"))
    assert status == 0, (out, err)
    sent = 0
    with open(os.path.join(nginx.folder, "access.log"), encoding="utf-8") as log:
        for line in log:
            if "/two.gwp" in line:
                sent += int(line.split('"')[2].split()[1])
    assert sent < 400_000


def test_installing_the_same_package_again_flashes_nothing(plant):
    path = plant.write_package()
    check_done(plant, plant.wait_for_end(plant.begin(path)))
    plant.sim("ResetCounters")
    job = plant.wait_for_end(plant.begin(path))
    assert job["state"] == "done" and job["steps"][0]["state"] == "skipped"
    assert plant.flashed() == 0


def group_package(pki, sequence=2):
    return pki.make_package({"meter": pki.new}, groups={"meter": "metering"}, sequence=sequence)


def test_a_group_over_three_lines_becomes_new_together(make_plant):
    plant = make_plant(DEVICES)
    job = plant.wait_for_end(plant.begin(plant.write_package(group_package(plant.pki))))
    check_done(plant, job)
    assert len(job["steps"]) == 3 and {s["group"] for s in job["steps"]} == {"metering"}


def test_a_group_with_one_failing_self_test_ends_all_old(make_plant):
    plant = make_plant(DEVICES)
    plant.sim("SetFaults", device="line-2", faults={"self_test": "fail"})
    job = plant.wait_for_end(plant.begin(plant.write_package(group_package(plant.pki))))
    assert job["state"] == "failed", job
    assert set(plant.versions().values()) == {"1.0.0"}
    codes = {s["device"]: s["error"]["code"] for s in job["steps"]}
    assert codes == {"line-1": "GW4006", "line-2": "GW4004", "line-3": "GW4006"}
    _, out = plant.ctl_json("devices")
    assert {d["version"] for d in out["devices"]} == {"1.0.0"}
    assert {d["state"] for d in out["devices"]} == {"outdated"}
    plant.check_flash_rules()


def test_components_are_activated_in_order(make_plant, pki, tmp_path):
    old = pki.make_image(1, 20_000, class_name="bridge").write(tmp_path / "bridge.gwi")
    plant = make_plant({"line-1": {"class": "bridge", "factory": old}, "line-2": {}})
    bridge_new = pki.make_image(2, 30_000, class_name="bridge")
    data = pki.make_package({"meter": pki.new, "bridge": bridge_new}, after={"meter": ["bridge"]})
    job = plant.wait_for_end(plant.begin(plant.write_package(data)))
    check_done(plant, job)
    events = [(e["event"], e["object"]) for e in plant.audit() if e["event"] == "device confirmed"]
    assert [o for _, o in reversed(events)] == ["line-1", "line-2"]


def test_a_report_says_who_signed_and_what_the_device_says(plant):
    plant.wait_for_end(plant.begin(plant.write_package()))
    status, out = plant.ctl_json("job", "report", "1")
    report = out.get("report", out)
    assert status == 0
    assert "package" in report["package"]["signer"]["name"]
    assert report["devices"][0]["verified_by"] == "gateway + device"
    assert "nonce" in report["devices"][0]["says"]
