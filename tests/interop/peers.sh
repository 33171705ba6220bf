#!/bin/bash
# peers.sh FOLDER: fetch the programs of others that the interop tests run. Nothing of them is part
# of this repository. A peer that cannot be had leaves FOLDER/<peer>.missing with the reason, and its
# tests skip loudly.
#
#   varlinkctl   of systemd 257 (Debian 13), unpacked, run with its own loader: FOLDER/varlinkctl
#   smpclient    a Python SMP client, in a virtual environment: FOLDER/smpclient/bin/python
#   smp-server   real Zephyr and MCUboot SMP servers (native_sim and QEMU), from smpclient's own
#                test fixtures: FOLDER/smp-server
set -u
mkdir -p "$1"
peers=$(cd "$1" && pwd)

smpclient_version=7.3.0
smpclient_sha256=86aa4bc1c621805d97f449793a4077f049aa88a98a1e916bf59423d072bd2a3b

say() { printf '== peers: %s\n' "$*" >&2; }

missing() { # PEER REASON
    printf '%s\n' "$2" >"$peers/$1.missing"
    say "$1 cannot be had: $2"
}

# apt with a state of its own, looking at Debian 13 through the mirror this system already uses.
trixie_apt() {
    local state=$peers/apt uri
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/parts"
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)
    [ -n "$uri" ] || return 1
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$uri" \
        /usr/share/keyrings/debian-archive-keyring.gpg >"$state/parts/trixie.sources"
    printf '%s "%s";\n' Dir::State::Lists "$state/lists" Dir::Cache "$state/cache" \
        Dir::Etc::SourceList /dev/null Dir::Etc::SourceParts "$state/parts" \
        Dir::State::status /dev/null Debug::NoLocking true APT::Sandbox::User '' >"$state/apt.conf"
    export APT_CONFIG=$state/apt.conf
}

get_varlinkctl() (
    [ -x "$peers/varlinkctl" ] && exit 0
    trixie_apt && apt-get update -q >"$peers/apt.log" 2>&1 || exit 1
    mkdir -p "$peers/systemd/debs" && cd "$peers/systemd/debs" &&
        apt-get download -q systemd libsystemd-shared libc6 libacl1 libcap2 libcrypt1 libmount1 libblkid1 libpam0g \
            libseccomp2 libselinux1 libssl3t64 libaudit1 libcap-ng0 libpcre2-8-0 libuuid1 libgcc-s1 libsystemd0 \
            libzstd1 zlib1g libapparmor1 >>"$peers/apt.log" 2>&1 || exit 1
    for deb in *.deb; do
        dpkg-deb -x "$deb" "$peers/systemd/root" || exit 1
    done
    lib=$(dirname "$(find "$peers/systemd/root" -name 'ld-linux-*.so*' -path '*/lib/*-linux-gnu/*' | head -n 1)")
    cat >"$peers/varlinkctl" <<SCRIPT
#!/bin/sh
exec $lib/ld-linux-*.so* --library-path $lib:$lib/systemd $peers/systemd/root/usr/bin/varlinkctl "\$@"
SCRIPT
    chmod +x "$peers/varlinkctl"
    cd "$peers" && rm -rf systemd/debs
    "$peers/varlinkctl" --version >/dev/null
)

get_smpclient() (
    ready() { "$peers/smpclient/bin/python" -c 'import smpclient.transport.serial' 2>/dev/null; }
    ready && exit 0
    /usr/bin/python3 -m venv "$peers/smpclient" &&
        "$peers/smpclient/bin/pip" install -q "smpclient[serial]==$smpclient_version" >"$peers/pip.log" 2>&1 &&
        ready
)

get_smp_server() (
    [ -f "$peers/smp-server/SHA256SUMS" ] && exit 0
    archive=$peers/smpclient-$smpclient_version.tar.gz
    [ -x "$peers/smpclient/bin/pip" ] || exit 1
    "$peers/smpclient/bin/pip" download -q --no-deps --no-binary smpclient -d "$peers" \
        "smpclient==$smpclient_version" >>"$peers/pip.log" 2>&1 &&
        printf '%s  %s\n' "$smpclient_sha256" "$archive" | sha256sum -c --quiet &&
        mkdir -p "$peers/smp-server" &&
        tar xzf "$archive" -C "$peers/smp-server" --strip-components=4 \
            "smpclient-$smpclient_version/tests/fixtures/smp-server" &&
        chmod +x "$peers"/smp-server/*.exe && rm -f "$archive"
)

rm -f "$peers"/*.missing
get_varlinkctl || missing varlinkctl "the packages of Debian 13 cannot be fetched"
get_smpclient || missing smpclient "pip cannot install it"
get_smp_server || missing smp-server "the source archive of smpclient cannot be fetched"
exit 0
