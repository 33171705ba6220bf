"""Packages that must be refused, through daemon and CLI: the right code, nothing flashed, the store as it
was, and a line in the audit log."""
import json
import os
import random
import shutil

import pytest

from gwtest import package as pkg
from gwtest.plant import SYSTEM, Pki, Plant
from gwtest.varlink import VarlinkError

EXIT_REFUSED = 4
STRANGER_CLASS = "somebody-else"


class Maker:
    """What the cases below build with; one for all of them, since openssl takes its time."""

    def __init__(self, pki: Pki, folder):
        self.pki, self.new = pki, pki.new
        self.stranger = pkg.Authority(str(folder), "stranger")
        self.other = pkg.Authority(str(folder), "other")  # trusted, for images of other.example
        self.good = pki.make_package()
        self.content = pkg.system_manifest([pkg.component("meter", self.new)], system=SYSTEM, sequence=2)
        self.cms = pki.package.sign(self.content, pkg.OID_SYSTEM)
        self.signed = {}

    def sign(self, content):
        return self.pki.package.sign(content, pkg.OID_SYSTEM)

    def package(self, cms=None, images=None):
        return pkg.package(cms or self.cms, images if images is not None else [("meter", self.new.gwi)])

    def with_manifest(self, change):
        """A package whose manifest text is `change(text)`, signed as it stands."""
        return self.package(self.sign(change(self.content.decode()).encode()))

    def with_entry(self, image=None, **overrides):
        image = image or self.new
        content = pkg.system_manifest([pkg.component("meter", image, **overrides)], system=SYSTEM, sequence=2)
        return self.package(self.sign(content), [("meter", image.gwi)])

    def two_components(self, swapped):
        """A package with two components whose members may stand in the wrong order."""
        second = self.pki.make_image(3, 5000, class_name=STRANGER_CLASS)
        images = [("meter", self.new), ("bridge", second)]
        content = pkg.system_manifest([pkg.component(n, i) for n, i in images], system=SYSTEM, sequence=2)
        order = images[::-1] if swapped else images
        return self.package(self.sign(content), [(n, i.gwi) for n, i in order])

    def with_system(self, **system):
        return self.pki.make_package(**system)

    def openssl(self, *options):
        signer = self.pki.package
        return pkg.openssl("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", "sha256", "-outform", "DER",
                           "-econtent_type", pkg.OID_SYSTEM, "-signer", signer.leaf, "-inkey", signer.leaf_key,
                           *options, stdin=self.content)


def replace(old, new):
    def change(text):
        assert old in text
        return text.replace(old, new, 1)
    return change


def flip(data, offset, bit=0):
    return data[:offset] + bytes([data[offset] ^ 1 << bit]) + data[offset + 1:]


def damaged_content(m):
    """The signed bytes changed after they were signed: a digit of the sequence."""
    at = m.good.index(b'"sequence": 2')
    return flip(m.good, at + len(b'"sequence": '))


# name: (code, how it is made)
CASES = {
    "empty": ("GW_PACKAGE_TRUNCATED", lambda m: b""),
    "text": ("GW_PACKAGE_FORMAT", lambda m: b"this is no package" * 100),
    "unsigned": ("GW_PACKAGE_UNSIGNED", lambda m: pkg.member("manifest.json", m.content) + bytes(1024)),
    "other_system": ("GW_OTHER_SYSTEM", lambda m: m.with_system(system="acme.example/other")),
    "expired": ("GW_PACKAGE_EXPIRED", lambda m: m.with_system(expires="2024-01-01T00:00:00Z")),

    "stranger": ("GW_VERIFY_TOO_FEW_SIGNERS", lambda m: m.package(m.stranger.sign(m.content, pkg.OID_SYSTEM))),
    "wrong_role": ("GW_VERIFY_TOO_FEW_SIGNERS", lambda m: m.package(m.pki.image.sign(m.content, pkg.OID_SYSTEM))),
    "wrong_content_type": ("GW_VERIFY_CMS_CONTENT_TYPE",
                           lambda m: m.package(m.pki.package.sign(m.content, pkg.OID_IMAGE))),
    "no_signed_attributes": ("GW_VERIFY_CMS_SIGNED_ATTRS_MISSING", lambda m: m.package(m.openssl("-noattr"))),
    "indefinite_length": ("GW_VERIFY_DER", lambda m: m.package(m.openssl("-stream"))),
    "changed_content": ("GW_VERIFY_CMS_MESSAGE_DIGEST", damaged_content),
    "image_of_a_stranger": ("GW_VERIFY_TOO_FEW_SIGNERS",
                            lambda m: m.with_entry(pkg.Image(m.stranger, b"x" * 5000, sequence=2))),
    "image_signed_by_the_package_role": ("GW_VERIFY_TOO_FEW_SIGNERS",
                                         lambda m: m.with_entry(pkg.Image(m.pki.package, b"x" * 5000, sequence=2))),
    "image_under_another_vendors_anchor": ("GW_VERIFY_TOO_FEW_SIGNERS",
                                           lambda m: m.with_entry(pkg.Image(m.other, b"x" * 5000, sequence=2))),
    "image_of_an_unknown_vendor": ("GW_NO_ANCHOR",
                                   lambda m: m.with_entry(pkg.Image(m.pki.image, b"x" * 5000, sequence=2,
                                                                    vendor="nobody.example"))),
    "trailing_bytes": ("GW_PACKAGE_MEMBER", lambda m: m.good + bytes(512)),
    "no_end": ("GW_PACKAGE_TRUNCATED", lambda m: m.good[:-512]),
    "member_missing": ("GW_PACKAGE_TRUNCATED", lambda m: m.package(images=[])),
    "member_extra": ("GW_PACKAGE_MEMBER",
                     lambda m: m.package(images=[("meter", m.new.gwi), ("extra", b"x" * 600)])),
    "member_twice": ("GW_PACKAGE_MEMBER", lambda m: m.package(images=[("meter", m.new.gwi)] * 2)),
    "members_out_of_order": ("GW_PACKAGE_MEMBER", lambda m: m.two_components(swapped=True)),
    "member_of_another_name": ("GW_PACKAGE_MEMBER", lambda m: m.package(images=[("bridge", m.new.gwi)])),
    "member_with_a_path": ("GW_PACKAGE_MEMBER", lambda m: m.package(images=[("../../etc/x", m.new.gwi)])),
    "size_too_small": ("GW_PACKAGE_MEMBER", lambda m: m.with_entry(size=len(m.new.gwi) - 512)),
    "size_too_large": ("GW_PACKAGE_TRUNCATED", lambda m: m.with_entry(size=len(m.new.gwi) + 512)),
    "size_off_by_one": ("GW_PACKAGE_MEMBER", lambda m: m.with_entry(size=len(m.new.gwi) + 1)),
    "size_that_wraps": ("GW_MANIFEST", lambda m: m.with_entry(size=2**53 - 1)),
    "other_version": ("GW_IMAGE_MISMATCH", lambda m: m.with_entry(version="2.0.1")),
    "other_sequence": ("GW_IMAGE_MISMATCH", lambda m: m.with_entry(sequence=3)),
    "other_digest": ("GW_IMAGE_MISMATCH", lambda m: m.with_entry(manifest_sha256="00" * 32)),
    "duplicate_key": ("GW_MANIFEST", lambda m: m.with_manifest(replace('"floor"', '"sequence": 9, "floor"'))),
    "unknown_key": ("GW_MANIFEST", lambda m: m.with_manifest(replace('"floor"', '"flor": 1, "floor"'))),
    "other_case": ("GW_MANIFEST", lambda m: m.with_manifest(replace('"floor"', '"Floor"'))),
    "1e999": ("GW_MANIFEST", lambda m: m.with_manifest(replace('"floor": 1', '"floor": 1e999'))),
    "2_to_the_53_and_1": ("GW_MANIFEST",
                          lambda m: m.with_manifest(replace('"sequence": 2,', '"sequence": 9007199254740993,'))),
    "text_behind_the_manifest": ("GW_MANIFEST", lambda m: m.with_manifest(lambda t: t + " {}")),
    "crls": ("GW_NOT_SUPPORTED_YET",
             lambda m: m.with_manifest(replace('"crls": []',
                                               '"crls": [{"sha256": "%s", "size": 494}]' % ("00" * 32)))),
    "other_class": ("GW_PLAN_NO_DEVICE",
                    lambda m: m.with_entry(m.pki.make_image(2, 5000, class_name=STRANGER_CLASS))),
    "other_hardware": ("GW_PLAN_HARDWARE", lambda m: m.with_entry(m.pki.make_image(2, 5000, hardware=(7, 9)))),
    "other_serial": ("GW_PLAN_SERIAL", lambda m: m.with_entry(m.pki.make_image(2, 5000, serials=[b"SN9"]))),
    "contradictory_match": ("GW_PLAN_NO_DEVICE",
                            lambda m: m.with_entry(match={"modbus": {"vendor_name": "X", "product_code": "Y"}})),
    "equal_sequence_other_image": ("GW_PLAN_EQUIVOCATION",
                                   lambda m: m.with_entry(m.pki.make_image(1, 5000))),
    "too_large": ("GW_PLAN_TOO_LARGE", lambda m: m.with_entry(m.pki.make_image(2, 300_000))),
}


@pytest.fixture(scope="module")
def maker(pki, tmp_path_factory):
    return Maker(pki, tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="module")
def shared(pki, maker):
    """One plant for all cases: what is refused leaves it as it was."""
    plant = Plant(pki)
    os.makedirs(plant.path("trust", "image", "other.example"))
    shutil.copy(maker.other.root, plant.path("trust", "image", "other.example"))
    yield plant.start()
    plant.stop()


def state_of(plant):
    """Everything that a refused package must not change."""
    status = plant.call("Status")
    return (plant.call("Jobs"), plant.call("Cache")["entries"], status.get("sequence"), status.get("floor"),
            plant.versions(), plant.flashed())


def check_refused(plant, data, name):
    before, lines = state_of(plant), plant.audit()
    status, out = plant.ctl_json("install", plant.write_package(data))
    assert out.get("error", {}).get("name") == name, out
    assert status == EXIT_REFUSED, out
    assert state_of(plant) == before
    newest = plant.audit()
    refused = [e for e in newest if e["event"] == "install refused" and e["error"]["name"] == name]
    assert sum(e["count"] for e in newest) == sum(e["count"] for e in lines) + 1 and refused
    return out["error"]


@pytest.mark.parametrize("case", CASES)
def test_refused(shared, maker, case):
    name, make = CASES[case]
    check_refused(shared, make(maker), name)


def test_64_truncations_are_refused(shared, maker):
    before, rng = state_of(shared), random.Random(64)
    for _ in range(64):
        cut = rng.randrange(len(maker.good))
        with open(shared.write_package(maker.good[:cut]), "rb") as file:
            error = install_error(shared, file)
        assert error["exit_code"] == EXIT_REFUSED, (cut, error)
    assert state_of(shared) == before


def install_error(plant, file):
    try:
        number = plant.call("Install", {"name": "x"}, (file.fileno(),))["job"]
    except VarlinkError as refusal:
        return refusal.parameters
    job = plant.wait_for_end(number)
    return {**job["error"], "job": job, "exit_code": EXIT_REFUSED} if "error" in job else {"exit_code": 0, "job": job}


def test_64_flipped_bits_are_refused_or_never_reach_the_flash(make_plant, pki):
    """Behind the heads a flip is found when its block is used: the job fails, and no bad block arrives.
    Each time another image, or what cache and device have of an earlier try would mend the damage."""
    plant, rng = make_plant(), random.Random(1000)
    for i in range(64):
        good = pki.make_package({"meter": pki.make_image(2 + i, 5_000)}, sequence=2 + i)
        at = rng.randrange(len(good))
        with open(plant.write_package(flip(good, at, rng.randrange(8))), "rb") as file:
            error = install_error(plant, file)
        assert error["exit_code"] == EXIT_REFUSED, (at, error)
        if "job" in error:
            assert error["code"] == "GW2012", (at, error)
        assert plant.versions() == {"line-1": "1.0.0"}, (at, error)
    plant.check_flash_rules()


def test_no_anchor_no_install(make_plant):
    plant = make_plant(config={"trust_dir": "/nonexistent"})
    check_refused(plant, plant.pki.make_package(), "GW_NO_ANCHOR")
    assert any("anchor" in w for w in plant.call("Status")["warnings"])


def test_no_system_no_install(make_plant):
    plant = make_plant(start=False)
    del plant.config["system"]
    plant.write_config()
    plant.start()
    check_refused(plant, plant.pki.make_package(), "GW_NO_SYSTEM")


def test_a_package_below_the_floor_or_with_a_used_or_leaping_number_is_refused(plant):
    newer = plant.pki.make_image(3, 30_000)
    good = plant.pki.make_package({"meter": newer}, sequence=10, floor=8)
    assert plant.wait_for_end(plant.begin(plant.write_package(good)))["state"] == "done"
    check_refused(plant, plant.pki.make_package(sequence=7), "GW_PACKAGE_SEQUENCE")
    check_refused(plant, plant.pki.make_package({"meter": newer}, sequence=10, release="other"),
                  "GW_PACKAGE_EQUIVOCATION")
    check_refused(plant, plant.pki.make_package({"meter": newer}, sequence=10 + 2**20 + 1), "GW_SEQUENCE_LEAP")
    check_refused(plant, plant.pki.make_package(sequence=11), "GW_PLAN_FLOOR")


def test_a_tampered_block_is_never_flashed_and_named(plant):
    good = plant.pki.make_package()
    at = good.index(plant.pki.new.payload[50_000:50_100]) + 50
    for mode in ("cached", "streamed"):
        plant.sim("ResetCounters")
        status, out = plant.ctl_json("install", plant.write_package(flip(good, at)), "--mode", mode)
        assert status == EXIT_REFUSED, out
        job = plant.job()
        assert job["state"] == "failed" and job["error"]["code"] == "GW2012", json.dumps(job)
        assert plant.versions() == {"line-1": "1.0.0"}
        assert plant.flashed() <= (0 if mode == "cached" else 50_000)
        plant.check_flash_rules()
