# Sourced by ./check and ./demo: what a fresh Debian 12 needs. Says what it installs.

# say TEXT...: progress lines go to stderr, so that ./check bench keeps stdout for its JSON.
say() { printf '== %s\n' "$*" >&2; }

build_packages="gcc libc6-dev cmake ninja-build pkg-config libmbedtls-dev libcurl4-openssl-dev libuv1-dev
 libserialport-dev libcjson-dev libsqlite3-dev openssl ca-certificates"
test_packages="$build_packages clang lld libclang-rt-14-dev clang-format nginx-light python3 python3-pytest
 python3-venv strace psmisc gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm libc6-i386 scdoc valgrind bzip2"

# need_packages NAME...: install those that are missing; needs root only when some are.
need_packages() {
    missing=
    for name in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed ||
            missing="$missing $name"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        say "these packages are missing:$missing"
        say "install them as root: apt-get install$missing"
        return 1
    fi
    say "installing packages:$missing"
    # shellcheck disable=SC2086
    if ! apt_install $missing; then
        say "refreshing the package lists"
        apt-get update -q >&2 && apt_install $missing
    fi
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o Dpkg::Use-Pty=0 "$@" >"${TMPDIR:-/tmp}/gatewayd-apt.log" 2>&1 || {
        tail -n 5 "${TMPDIR:-/tmp}/gatewayd-apt.log" >&2
        return 1
    }
}

# need_user: gatewayd started as root becomes the user gatewayd.
need_user() {
    if [ "$(id -u)" = 0 ] && ! id gatewayd >/dev/null 2>&1; then
        say "adding the system user gatewayd and the group gatewayd-admin"
        groupadd --system --force gatewayd-admin
        useradd --system --no-create-home --home-dir /var/lib/gatewayd --shell /usr/sbin/nologin gatewayd
    fi
}

# build_preset NAME [TARGET...]
build_preset() {
    preset=$1
    shift
    say "building preset $preset"
    cmake --preset "$preset" >"build-$preset.log" 2>&1 &&
        cmake --build --preset "$preset" ${1:+--target "$@"} >>"build-$preset.log" 2>&1 || {
        tail -n 60 "build-$preset.log" >&2
        rm -f "build-$preset.log"
        return 1
    }
    rm -f "build-$preset.log"
}
