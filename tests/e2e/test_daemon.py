"""The daemon as a process: options, account, lock, signals, what it leaves behind."""
import getpass
import json
import os
import signal
import socket
import subprocess

import pytest

from gwtest.process import Process, children_of, program, public_programs, wait_until

IDLE_RSS_KIB = 6 * 1024


def gatewayd(*args):
    done = subprocess.run([program("gatewayd"), *map(str, args)], capture_output=True, text=True, timeout=20,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_version_help_and_wrong_usage():
    assert gatewayd("--version")[1].startswith("gatewayd ")
    assert "--check-config" in gatewayd("--help")[1]
    assert gatewayd("--nonsense")[0] == 2
    assert gatewayd("argument")[0] == 2


def test_check_config_names_the_place(tmp_path):
    config = tmp_path / "gatewayd.json"
    config.write_text('{\n  "sistem": "x"\n}\n')
    config.chmod(0o644)
    status, _, err = gatewayd("--config", config, "--check-config")
    assert status == 2 and f"{config}:2:3" in err and "system" in err
    config.write_text('{ "system": "acme.example/plant" } // fine\n')
    assert gatewayd("--config", config, "--check-config")[0] == 0
    assert gatewayd("--config", tmp_path / "none.json", "--check-config")[0] == 2


def test_an_unknown_user_is_named_with_the_way_out(make_plant):
    plant = make_plant(start=False)
    status, _, err = gatewayd("--config", plant.path("gatewayd.json"), "--user", "nobody-of-that-name")
    assert status == 2 and "adduser" in err and "--user" in err


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user")
def test_started_as_root_it_becomes_the_user(make_plant):
    plant = make_plant(start=False)
    # What the user must be able to read and connect to.
    subprocess.run(["chmod", "-R", "a+rX", plant.path("trust")], check=True)
    plant.start_sim()
    os.chmod(plant.path("line-1"), 0o666)
    os.chmod(plant.folder, 0o777)
    programs = public_programs(plant.path("bin"), "gatewayd", "gatewayd-launch", "gatewayd-router-uart")
    plant.core = Process([programs["gatewayd"], "--config", plant.path("gatewayd.json"), "--user", "nobody"],
                         plant.path("core.log"))
    plant.core.wait_for_socket(plant.control)
    assert os.stat(f"/proc/{plant.core.pid}").st_uid == 65534
    assert os.stat(plant.path("state")).st_uid == 65534 and os.stat(plant.path("state")).st_mode & 0o777 == 0o700
    status = plant.call("Status")
    assert status["user"] == "nobody" and any("gatewayd" in w for w in status["warnings"])
    assert plant.wait_for_end(plant.begin(plant.write_package()))["state"] == "done"


def test_a_second_daemon_is_refused_and_harms_nothing(plant):
    status, _, err = gatewayd("--config", plant.path("gatewayd.json"), "--user", getpass.getuser())
    assert status == 6 and str(plant.core.pid) in err
    assert plant.call("Status")["version"]


def test_a_socket_that_a_dead_daemon_left_is_replaced(plant):
    plant.core.kill()
    assert os.path.exists(plant.control)
    plant.start_core()
    assert plant.call("Status")["version"]


def test_an_unsafe_folder_is_refused(make_plant):
    plant = make_plant(start=False)
    os.mkdir(plant.path("state"), 0o700)
    os.chmod(plant.path("state"), 0o777)
    status, _, err = gatewayd("--config", plant.path("gatewayd.json"), "--user", getpass.getuser())
    assert status == 2 and "GW6006" in err


def test_stopping_takes_the_routers_along_and_leaves_no_socket(plant):
    children = children_of(plant.core.pid)
    assert "gatewayd-router-uart" in children
    assert plant.core.stop() == 0
    for pid in children.values():
        wait_until(lambda p=pid: not os.path.exists(f"/proc/{p}"), "a child to end")
    assert not os.path.exists(plant.control) and os.listdir(plant.path("run", "bus")) == []


def test_a_killed_core_takes_the_routers_along(plant):
    children = children_of(plant.core.pid)
    plant.core.kill()
    for pid in children.values():
        wait_until(lambda p=pid: not os.path.exists(f"/proc/{p}"), "a child to end")


def test_systemd_is_told_ready_and_stopping(make_plant):
    plant = make_plant(start=False)
    plant.start_sim()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(plant.path("notify"))
        notify.settimeout(10)
        os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"] = plant.path("notify"), "200000"
        try:
            plant.start_core()
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
        assert notify.recv(100) == b"READY=1"
        assert notify.recv(100) == b"WATCHDOG=1"
        plant.core.popen.send_signal(signal.SIGTERM)
        messages = []
        while b"STOPPING=1" not in messages:
            messages.append(notify.recv(100))
    plant.core.popen.wait(20)


def test_log_lines_carry_priorities_and_no_payload(plant):
    plant.wait_for_end(plant.begin(plant.write_package()))
    lines = plant.core.log().splitlines()
    assert lines and all(line[0] == "<" and line[2] == ">" for line in lines), lines
    assert any("job 1: job ended: done" in line for line in lines)


def test_an_idle_core_is_small(plant):
    with open(f"/proc/{plant.core.pid}/maps", encoding="utf-8") as maps:
        if "libasan" in maps.read():
            pytest.skip("the sanitizers' shadow is not the daemon's")
    assert rss_kib(plant.core.pid) <= IDLE_RSS_KIB


def test_a_bus_that_cannot_be_opened_says_why_and_comes_when_it_is_there(make_plant):
    plant = make_plant(start=False)
    plant.start_core()
    wait_until(lambda: plant.call("Buses")["buses"][0]["state"] == "failed", "the bus to fail")
    bus, = plant.call("Buses")["buses"]
    assert bus["error"]["code"] in ("GW3004", "GW3006") and plant.path("line-1") in bus["error"]["detail"]
    device, = plant.call("Devices")["devices"]
    assert device["state"] == "absent" and device["error"]
    plant.start_sim()
    assert plant.ctl("bus", "resume", "line-1")[0] == 0
    wait_until(lambda: plant.call("Devices")["devices"][0]["state"] == "ok", "the device to appear")


def test_devices_are_remembered_over_a_restart(plant):
    before = plant.call("Devices")["devices"][0]
    plant.core.stop()
    plant.sim("PowerCut", device="line-1")
    plant.start_core()
    device = plant.call("Devices")["devices"][0]
    assert device["state"] == "absent" and device["serial"] == before["serial"]
    assert json.dumps(device["identified"]["slots"]) == json.dumps(before["identified"]["slots"])


def test_a_saved_inventory_is_enough_for_a_plan_elsewhere(plant):
    _, out = plant.ctl_json("devices")
    with open(plant.path("devices.json"), "w", encoding="utf-8") as file:
        json.dump(out, file)
    done = subprocess.run([program("gatewaypkg"), "plan", plant.write_package(), "--inventory",
                           plant.path("devices.json"), "--trust", plant.path("trust"), "--json"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    here, there = plant.ctl_json("plan", plant.write_package())[1]["plan"], json.loads(done.stdout)
    there = there.get("plan", there)
    for step in here["steps"] + there["steps"]:
        step.pop("mode")
    assert here["steps"] == there["steps"]
