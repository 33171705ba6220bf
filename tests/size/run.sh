#!/bin/sh
# Cross-builds the verifier and the device for a Cortex-M3, runs both in QEMU where there is one, and
# prints what they take. Exit 0: all within the limits; 1: not, or it does not build or work; 77,
# with the reason on stderr: the toolchain or the mbedTLS source cannot be had. Installs nothing.
set -eu
cd "$(dirname "$0")/../.."
out=build/size

# Limits of a device that checks a whole certificate chain (ARCHITECTURE.md, Sub-device).
max_flash=32768 max_arena=8192 max_stack=4096

for tool in arm-none-eabi-gcc arm-none-eabi-size cmake ninja; do
    command -v $tool >/dev/null || {
        echo "size: SKIPPED: no $tool (packages gcc-arm-none-eabi, libnewlib-arm-none-eabi)" >&2
        exit 77
    }
done
[ "$(arm-none-eabi-gcc -print-file-name=nano.specs)" != nano.specs ] || {
    echo "size: SKIPPED: no nano.specs (package libnewlib-arm-none-eabi)" >&2
    exit 77
}
mbedtls=$(tests/size/fetch-mbedtls.sh "$out/mbedtls") || exit
# Nothing to do with the host's flags.
unset CFLAGS LDFLAGS CC
cmake -S tests/size -B "$out/cortex-m3" -G Ninja --toolchain "$PWD/tests/size/cortex-m3.cmake" \
    -DCMAKE_BUILD_TYPE=Release -DMBEDTLS_SOURCE_DIR="$mbedtls" >"$out/build.log" 2>&1 &&
    ninja -C "$out/cortex-m3" >>"$out/build.log" 2>&1 || {
    tail -n 40 "$out/build.log" >&2
    echo "size: the cross build failed" >&2
    exit 1
}

# flash NAME: text + data of an image.
flash() { arm-none-eabi-size "$out/cortex-m3/size_$1" | awk 'NR == 2 { print $1 + $2 }'; }
# measured NAME KEY: what the image said in QEMU, or "-".
measured() { awk -v key="$2" '$1 == key { value = $2 } END { print value ? value : "-" }' "$out/$1.run"; }

failed=0
fail() {
    echo "size: $*" >&2
    failed=1
}
# check NAME VALUE LIMIT
check() { [ "$2" = - ] || [ "$2" -le "$3" ] || fail "$1 takes $2 bytes, limit $3"; }

printf '%-34s %8s %8s %8s %8s\n' "Cortex-M3, -Os, mbedTLS 3.6 (bytes)" flash RAM arena stack
for name in verifier device; do
    : >"$out/$name.run"
    if command -v qemu-system-arm >/dev/null; then
        timeout 120 qemu-system-arm -M mps2-an385 -nographic -monitor none -serial none \
            -semihosting-config enable=on,target=native -kernel "$out/cortex-m3/size_$name" \
            >"$out/$name.run" 2>&1 </dev/null || fail "$name does not work in QEMU: $(cat "$out/$name.run")"
    else
        echo "size: no qemu-system-arm: $name was built, not run; no arena and stack figures" >&2
    fi
    net=$(($(flash $name) - $(flash none)))
    arena=$(measured $name arena) stack=$(measured $name stack) state=$(measured $name state)
    [ $name = verifier ] && what="verifier and crypto" || what="with updater and boot"
    printf '%-34s %8s %8s %8s %8s\n' "$what" "$net" "$state" "$arena" "$stack"
    [ $name = device ] || check "the flash of the verifier" "$net" $max_flash
    check "the arena of the $name" "$arena" $max_arena
    check "the stack of the $name" "$stack" $max_stack
done
echo "RAM: state and buffers (CMS 4096, table 1024, block 1024; device: scratch 256), without arena and stack."
exit $failed
