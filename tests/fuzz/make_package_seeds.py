#!/usr/bin/env python3
"""Writes the seed corpora of fuzz_ustar, fuzz_system_manifest, fuzz_package, fuzz_pem and
fuzz_inventory into tests/fuzz/corpus/. Run it again after a change of a format."""
import base64
import hashlib
import json
import pathlib
import uuid

CORPUS = pathlib.Path(__file__).parent / "corpus"
VENDOR = uuid.uuid5(uuid.NAMESPACE_DNS, "a.b")
CLASS = uuid.uuid5(VENDOR, "c")


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def tlv(tag, contents):
    n = len(contents)
    length = bytes([n]) if n < 128 else b"\x81" + bytes([n]) if n < 256 else b"\x82" + n.to_bytes(2, "big")
    return bytes([tag]) + length + contents


def integer(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def member(name, data):
    head = bytearray(512)
    for at, text in ((0, name), (100, "0000644"), (108, "0000000"), (116, "0000000"), (124, "%011o" % len(data)),
                     (136, "0" * 11), (156, "0"), (257, "ustar\0" + "00"), (329, "0000000"), (337, "0000000")):
        head[at:at + len(text)] = text.encode()
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512)


def image(payload, block_size=512):
    """What fuzz_package takes for a .gwi: SEQUENCE { image manifest } | table | payload."""
    table = b"".join(hashlib.sha256(payload[i:i + block_size]).digest() for i in range(0, len(payload), block_size))
    fields = [integer(1), tlv(4, VENDOR.bytes), tlv(4, CLASS.bytes), integer(0), integer(7), tlv(12, b"1.0.0"),
              integer(len(payload)), tlv(4, hashlib.sha256(payload).digest()), integer(len(payload)),
              integer(block_size), tlv(4, hashlib.sha256(table).digest())]
    return tlv(0x30, tlv(0x30, b"".join(fields))) + table + payload


def component(name, **more):
    return {"name": name, "size": 1, "manifest_sha256": "00" * 32, "vendor": "a.b", "class": "c", "component": 0,
            "version": "1.0.0", "sequence": 7, **more}


def manifest(components, **more):
    return {"format": "gatewayd.system/1", "system": "s", "release": "r", "sequence": 2, "floor": 1,
            "expires": "2028-01-01T00:00:00Z", "components": components, **more}


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


def package(names):
    images = {name: image(bytes(range(256)) * 3 + name.encode()) for name in names}
    signed = tlv(0x30, text(manifest([component(n, size=len(images[n])) for n in names])))
    return (member("manifest.cms", signed) + b"".join(member(f"images/{n}.gwi", images[n]) for n in names)
            + bytes(1024))


def main():
    write("fuzz_ustar", "manifest", member("manifest.cms", b"")[:512])
    write("fuzz_ustar", "image", member("images/meter-fw.gwi", b"x" * 1000)[:512])
    write("fuzz_ustar", "zero", bytes(512))
    write("fuzz_system_manifest", "one", text(manifest([component("a")])))
    write("fuzz_system_manifest", "groups", text(manifest([
        component("a", group="g", after=["c"], required=False), component("b", after=["a"]),
        component("c", group="g", match={"usb": {"vid": "1209", "pid": "0001", "serial": "x"}, "serials": ["ab"]}),
        component("d", match={"modbus": {"vendor_name": "A", "product_code": "B"}, "uart": {}}, **{"x-a": 1}),
        component("e", match={"zigbee": {"manufacturer": "1234", "image_type": "0001", "model": "m"}})],
        canary={"count": 1, "soak": "10m", "max_failures": 0}, crls=[])))
    write("fuzz_system_manifest", "circle", text(manifest([component("a", after=["b"]), component("b", after=["a"])])))
    write("fuzz_package", "one", package(["a"]))
    write("fuzz_package", "two", package(["a", "b"]))
    write("fuzz_package", "unsigned", member("manifest.json", b"{}") + bytes(1024))
    pem = base64.encodebytes(b"certificate").decode()
    write("fuzz_pem", "good", f"# note\n-----BEGIN CERTIFICATE-----\n{pem}-----END CERTIFICATE-----\n".encode())
    write("fuzz_pem", "key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    identified = {"name": "d", "own": True, "mcuboot": False, "vendor": VENDOR.hex, "class": CLASS.hex, "hardware": 2,
                  "serial": "ab", "bus_id": "usb:1209:0001",
                  "capabilities": {"spare_slot": True, "can_revert": True, "can_wait": False,
                                   "reads_back_identity": True, "max_manifest": 4096, "max_table": 4096,
                                   "max_block": 1024, "verify_ms": 5, "activate_ms": 5, "trial_ms": 5},
                  "slots": [{"component": 0, "slot": 0, "state": "confirmed", "active": True, "identity": "11" * 32,
                             "sequence": 3, "version": "1.0"}],
                  "floors": [{"component": 0, "floor": 2}], "trial": None}
    write("fuzz_inventory", "devices", text({"devices": [
        {"name": "d", "bus": "b", "router": "uart", "state": "ok", "foreign": False, "baud": 115200,
         "identified": identified, "records": [{"component": 0, "floor": 1, "sequence": 3, "identity": "11" * 32}]},
        {"name": "f", "bus": "b2", "router": "uart", "state": "absent", "foreign": True, "identified": None,
         "declared": {"vendor": VENDOR.hex, "class": CLASS.hex, "component": 0, "hardware": 1}}]}))


if __name__ == "__main__":
    main()
