"""Makes system packages with openssl, tar headers and a few lines of DER: a second writer of the
formats of docs/SPEC, written for tests, that can also make what gatewaypkg would refuse to make."""
import hashlib
import json
import os
import subprocess
import uuid

OID_SYSTEM = "2.25.227721284026299374982227856948092535230"
OID_IMAGE = "2.25.37081677888920538387708366831134028020"

LEAF_EXTENSIONS = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=codeSigning
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


def openssl(*args, stdin=None):
    done = subprocess.run(["openssl", *map(str, args)], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {args[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Authority:
    """A root, and a leaf that signs under it."""

    def __init__(self, folder, name, organization="tests", days=3650):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.name = str(folder), name
        self.root, self.root_key = self._path("root.pem"), self._path("root.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", self.root_key, "-out", self.root, "-days", days,
                "-subj", f"/O={organization}/CN={name} root",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        self.leaf, self.leaf_key = self.issue("leaf")

    def _path(self, suffix):
        return os.path.join(self.folder, f"{self.name}-{suffix}".replace(" ", "-"))

    def issue(self, name, extensions=LEAF_EXTENSIONS, days=3650):
        key, request, cert, ext = (self._path(f"{name}.{s}") for s in ("key", "csr", "pem", "ext"))
        with open(ext, "w", encoding="utf-8") as text:
            text.write(extensions)
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/O=tests/CN={self.name} {name}")
        openssl("x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self.root_key,
                "-CAcreateserial", "-out", cert, "-days", days, "-extfile", ext)
        return cert, key

    def sign(self, content, oid, signer=None):
        leaf, key = signer or (self.leaf, self.leaf_key)
        return openssl("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", "sha256", "-outform", "DER",
                       "-econtent_type", oid, "-signer", leaf, "-inkey", key, stdin=content)


# ---- DER ----

def tlv(tag, content):
    n = len(content)
    length = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes(
        (n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + content


def integer(value, tag=0x02):
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value):
    return tlv(0x04, value)


def sha256(data):
    return hashlib.sha256(data).digest()


def vendor_id(domain):
    return uuid.uuid5(uuid.NAMESPACE_DNS, domain)


def class_id(domain, name):
    return uuid.uuid5(vendor_id(domain), name)


class Image:
    """A signed image of `payload`; every field of the manifest can be set."""

    def __init__(self, authority, payload, *, vendor="acme.example", class_name="pm1", component=0, sequence=1,
                 version="1.0.0", block_size=1024, floor=None, hardware=None, serials=None, delivery=None):
        blocks = [payload[i:i + block_size] for i in range(0, len(payload), block_size)]
        self.vendor, self.class_name, self.component = vendor, class_name, component
        self.sequence, self.version, self.payload = sequence, version, payload
        self.table = b"".join(sha256(b) for b in blocks)
        fields = [integer(1), octets(vendor_id(vendor).bytes), octets(class_id(vendor, class_name).bytes),
                  integer(component), integer(sequence), tlv(0x0C, version.encode()), integer(len(payload)),
                  octets(sha256(payload)), integer(len(payload)), integer(block_size), octets(sha256(self.table))]
        if hardware:
            fields.append(tlv(0xA0, integer(hardware[0]) + integer(hardware[1])))
        if serials:
            fields.append(tlv(0xA1, b"".join(octets(s) for s in serials)))
        if delivery:
            fields.append(integer(delivery, 0x84))
        if floor is not None:
            fields.append(integer(floor, 0x85))
        self.manifest = tlv(0x30, b"".join(fields))
        self.identity = sha256(self.manifest)
        self.cms = authority.sign(self.manifest, OID_IMAGE)

    @property
    def gwi(self):
        return self.cms + self.table + self.payload

    def write(self, path):
        with open(path, "wb") as file:
            file.write(self.gwi)
        return str(path)


def component(name, image, **overrides):
    """The entry of the system manifest for an image."""
    entry = {"name": name, "size": len(image.gwi), "manifest_sha256": image.identity.hex(), "vendor": image.vendor,
             "class": image.class_name, "component": image.component, "version": image.version,
             "sequence": image.sequence, "match": {}, "required": True}
    entry.update(overrides)
    return entry


def system_manifest(components, *, system="acme.example/plant", release="2026.11", sequence=1, floor=1,
                    expires="2035-01-01T00:00:00Z", **more):
    manifest = {"format": "gatewayd.system/1", "system": system, "release": release, "sequence": sequence,
                "floor": floor, "expires": expires, "crls": [], "components": components}
    manifest.update(more)
    return json.dumps(manifest).encode()


def header(name, size):
    """One ustar header with nothing in it that depends on who made it."""
    fields = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
    fields += b"%011o\0" % size + b"0" * 11 + b"\0" + b" " * 8 + b"0" + bytes(100) + b"ustar\0" + b"00"
    fields = (fields + bytes(64) + b"0000000\0" * 2).ljust(512, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def member(name, data):
    return header(name, len(data)) + data + bytes(-len(data) % 512)


def package(cms, images):
    """`images` is [(component name, .gwi bytes)]."""
    parts = [member("manifest.cms", cms)]
    parts += [member(f"images/{name}.gwi", gwi) for name, gwi in images]
    return b"".join(parts) + bytes(1024)


def make(authority, images, groups=None, after=None, **system):
    """A whole good package of {component name: Image}."""
    entries = []
    for name, image in images.items():
        more = {}
        if groups and name in groups:
            more["group"] = groups[name]
        if after and name in after:
            more["after"] = after[name]
        entries.append(component(name, image, **more))
    content = system_manifest(entries, **system)
    return package(authority.sign(content, OID_SYSTEM), [(n, i.gwi) for n, i in images.items()])
