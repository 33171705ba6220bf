#!/bin/sh
# fetch-mbedtls.sh DIR: the mbedTLS that firmware is built with, unpacked below DIR; prints its path.
# It is Debian 13's source package, pinned by digest; MBEDTLS_SOURCE_DIR names another tree instead.
# Exit 77, with the reason on stderr, when it cannot be had. Installs nothing, asks for no rights:
# apt works on a private state folder and takes the archive's address from the system's own lists.
set -eu
sha256=8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a
suite=trixie

skip() {
    echo "size: SKIPPED: mbedTLS source: $*; set MBEDTLS_SOURCE_DIR to a tree of 3.6" >&2
    exit 77
}

if [ -n "${MBEDTLS_SOURCE_DIR:-}" ]; then
    [ -f "$MBEDTLS_SOURCE_DIR/library/ecdsa.c" ] || skip "$MBEDTLS_SOURCE_DIR has no library/ecdsa.c"
    echo "$MBEDTLS_SOURCE_DIR"
    exit 0
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)
if [ -f "$dir/$sha256/library/ecdsa.c" ]; then
    echo "$dir/$sha256"
    exit 0
fi
command -v apt-get >/dev/null || skip "no apt-get here"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] || skip "no $keyring"
uri=$(apt-get indextargets --format '$(LABEL) $(CREATED_BY) $(REPO_URI)' |
    sed -n 's/^Debian Packages //p' | sort -u | head -n 1)
[ -n "$uri" ] || skip "apt knows no Debian archive"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/preferences"
cat >"$work/parts/source.sources" <<EOF
Types: deb-src
URIs: $uri
Suites: $suite
Components: main
Signed-By: $keyring
EOF
: >"$work/status"
cat >"$work/apt.conf" <<EOF
Dir::State::Lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$work/parts";
Dir::Etc::PreferencesParts "$work/preferences";
APT::Sandbox::User "$(id -un)";
Acquire::Retries "0";
Acquire::http::Timeout "10";
Debug::NoLocking "true";
EOF
# apt prints where it connects to; nobody needs that here unless it fails.
quiet() {
    APT_CONFIG="$work/apt.conf" "$@" >"$work/log" 2>&1 || return 1
}
quiet apt-get -q update || skip "apt-get update of $suite failed (offline?)"
(cd "$work" && quiet apt-get -q source --download-only mbedtls) || skip "apt-get source failed"
tarball=$(ls "$work"/mbedtls_*.orig.tar.* 2>/dev/null | head -n 1)
[ -n "$tarball" ] || skip "the source package holds no upstream archive"
[ "$(sha256sum "$tarball" | cut -d ' ' -f 1)" = "$sha256" ] ||
    skip "$suite now has $(basename "$tarball"), which is not the pinned one"
mkdir "$work/tree"
tar -xf "$tarball" -C "$work/tree" --strip-components=1
rm -rf "${dir:?}/$sha256"
mv "$work/tree" "$dir/$sha256"
echo "$dir/$sha256"
