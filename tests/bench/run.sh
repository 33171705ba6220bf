#!/bin/bash
# run.sh BUILD [NAME-PREFIX]: run the benchmarks whose name begins so. Each prints one JSON line on
# stdout: {"bench", "value", "unit", "limit", "ratio", "note"}; everything else goes to stderr.
set -u
build=$(cd "$1" && pwd)
prefix=${2:-}
cd "$(dirname "$0")" || exit 1

# NAME PROGRAM: who measures what.
table="
uart.raw            ./bench_system.py
uart.console        ./bench_system.py
uart.raw.noise      $build/tests/bench_uart
fanout.3            ./bench_system.py
rss.idle            ./bench_system.py
rss.streamed.growth ./bench_system.py
idle.wakeups        ./bench_system.py
install.64m         ./bench_system.py
tamper.64m          ./bench_system.py
"

ran=0 failed=0
while read -r name program; do
    case $name in
    "" | [!a-z]*) continue ;;
    "$prefix"*) ;;
    *) continue ;;
    esac
    ran=$((ran + 1))
    printf '== bench %s\n' "$name" >&2
    GW_BUILD=$build $program "$name" || {
        printf '== bench %s failed\n' "$name" >&2
        failed=$((failed + 1))
    }
done <<TABLE
$table
TABLE
if [ "$ran" = 0 ]; then
    printf 'no benchmark begins with "%s"\n' "$prefix" >&2
    exit 2
fi
[ "$failed" = 0 ]
