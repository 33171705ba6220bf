#!/bin/bash
# run.sh BUILD [SECONDS]: run every fuzz target of a build of preset `fuzz` for so long, from its seed
# corpus. New inputs stay in BUILD/corpus/NAME; an input that fails is left there and named.
set -u
build=$(cd "$1" && pwd)
seconds=${2:-60}
here=$(cd "$(dirname "$0")" && pwd)
failed=0 run=0

for target in "$build"/fuzz/fuzz_*; do
    name=$(basename "$target")
    work=$build/corpus/$name
    mkdir -p "$work"
    printf '== %s: %s s\n' "$name" "$seconds" >&2
    run=$((run + 1))
    if (cd "$work" && "$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$work/failed-" \
        "$work" "$here/corpus/$name") >"$work.log" 2>&1; then
        grep -E 'number_of_executed_units' "$work.log" >&2
    else
        tail -n 30 "$work.log" >&2
        failed=$((failed + 1))
    fi
done
printf '%d passed, %d failed\n' $((run - failed)) "$failed"
[ "$failed" = 0 ] && [ "$run" -gt 0 ]
