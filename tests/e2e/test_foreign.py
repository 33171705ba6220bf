"""A device with somebody else's firmware (Zephyr's SMP server over MCUboot): the gateway checks everything and
hands over the bare payload, and says that it did."""
import hashlib
import json
import struct

import pytest

from gwtest import package as pkg
from gwtest.plant import CLASS, VENDOR, Plant

FOREIGN = {"vendor": VENDOR, "class": CLASS}


def mcuboot_image(version, size):
    """An MCUboot image: header, body, and the SHA-256 TLV that its state shows."""
    header = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 32, 0, size, 0, version, 0, 0, 0, 0)
    body = bytes((i * 7 + version) & 255 for i in range(size))
    return header + body + struct.pack("<HHHH", 0x6907, 40, 0x10, 32) + hashlib.sha256(header + body).digest()


class ForeignPlant(Plant):
    def __init__(self, pki, declared=True, faults=None):
        self.faults = faults or {}
        device = {"pump": {"foreign": FOREIGN} if declared else {}}
        super().__init__(pki, config={"buses": {}})
        self.config["buses"] = {"line-1": {"router": "uart", "link": f"unix:{self.path('line-1')}", "devices": device}}
        self.write_config()

    def _write_field(self, devices, baud, noise):
        with open(self.path("factory.bin"), "wb") as file:
            file.write(mcuboot_image(1, 20_000))
        super()._write_field({}, baud, noise)
        device = {"name": "line-1", "kind": "foreign", "factory": "factory.bin", "boot_ms": 50, "self_test_ms": 100,
                  "faults": self.faults}
        with open(self.path("field.json"), "w", encoding="utf-8") as field:
            json.dump({"buses": [{"name": "line-1", "link": f"unix:{self.path('line-1')}", "baud": 0,
                                  "latency_us": 0, "device": device}]}, field)

    def package(self, match=None, payload=None):
        image = pkg.Image(self.pki.image, payload or mcuboot_image(2, 60_000), vendor=VENDOR, class_name=CLASS,
                          sequence=2, version="2.0.0", delivery=1)
        content = pkg.system_manifest([pkg.component("pump-fw", image, match=match)], system=self.config["system"],
                                      sequence=2)
        return self.write_package(pkg.package(self.pki.package.sign(content, pkg.OID_SYSTEM),
                                              [("pump-fw", image.gwi)]))


@pytest.fixture
def foreign(pki):
    plants = []

    def make(**options):
        plants.append(ForeignPlant(pki, **options).start())
        return plants[-1]
    yield make
    for plant in plants:
        plant.stop()


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_a_declared_device_gets_the_bare_payload_and_the_gateway_says_who_verified(foreign, mode):
    plant = foreign()
    path = plant.package({"uart": {}})
    plan = plant.ctl_json("plan", path)[1]["plan"]
    assert [s["verified_by"] for s in plan["steps"]] == ["gateway + MCUboot"], plan
    job = plant.wait_for_end(plant.begin(path, mode=mode))
    assert job["state"] == "done", job
    device = plant.device("line-1")
    assert device["running_version"].startswith("2.0.0") and not device["on_trial"]
    shown = plant.call("Devices", {"refresh": True})["devices"][0]
    assert shown["verified_by"] == "gateway + MCUboot" and shown["version"].startswith("2.0.0")


def test_a_new_image_that_fails_its_self_test_is_taken_back(foreign):
    plant = foreign(faults={"self_test": "fail"})
    job = plant.wait_for_end(plant.begin(plant.package({"uart": {}})), timeout=240)
    assert job["state"] == "failed", job
    assert plant.device("line-1")["running_version"].startswith("1.0.0")


@pytest.mark.parametrize("declared, match", [(True, {}), (False, {"uart": {}})])
def test_without_a_match_or_a_declaration_it_gets_nothing(foreign, declared, match):
    plant = foreign(declared=declared)
    status, out = plant.ctl_json("install", plant.package(match))
    assert status != 0 and out["error"]["code"].startswith("GW25"), out
    assert plant.flashed() == 0 and plant.call("Jobs")["jobs"] == []
