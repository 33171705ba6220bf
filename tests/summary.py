#!/usr/bin/env python3
"""summary.py RESULTS ALLOWED-SKIPS PHASE...: one summary of several ctest runs.

Reads RESULTS/PHASE.xml (ctest --output-junit). A whole test is skipped when ctest says so; a part of
one when its output has a line `SKIP: name: reason`. Under CI=true a skip whose name ALLOWED-SKIPS does
not list fails the run.
"""
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

SKIP_LINE = re.compile(r"^SKIP: ([^:\s]+): (.*)$", re.M)


def read_allowed(path):
    with open(path, encoding="utf-8") as lines:
        return {line.split()[0] for line in lines if line.strip() and line[0] != "#"}


def read_phase(results, phase):
    """Yields (name, state, skips) for each test of the phase."""
    path = os.path.join(results, phase + ".xml")
    if not os.path.exists(path):
        yield phase, "failed", []
        return
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{phase}/{case.get('name')}"
        output = (case.findtext("system-out") or "") + (case.findtext("system-err") or "")
        skips = SKIP_LINE.findall(output)
        state = {"run": "passed", "fail": "failed"}.get(case.get("status"), "skipped")
        if state == "skipped" and not skips:
            skips = [(case.get("name"), case.findtext("skipped") or "no reason given")]
        if state == "failed":
            print(output)
        yield name, state, skips


def main():
    results, allowed_path, *phases = sys.argv[1:]
    allowed = read_allowed(allowed_path)
    tests = [test for phase in phases for test in read_phase(results, phase)]
    failed = [name for name, state, _ in tests if state == "failed"]
    skipped = [name for name, state, _ in tests if state == "skipped"]
    passed = len(tests) - len(failed) - len(skipped)
    reasons = sorted({(name, reason) for _, _, skips in tests for name, reason in skips})
    not_allowed = [name for name, _ in reasons if name not in allowed]
    for name, reason in reasons:
        print(f"SKIPPED {name}: {reason}" + ("" if name in allowed else "  (not in tests/allowed-skips)"))
    for name in failed:
        print(f"FAILED {name}")
    if os.environ.get("CI") == "true" and not_allowed:
        print(f"CI refuses {len(not_allowed)} skips that tests/allowed-skips does not name")
        failed += not_allowed
    run = passed + len(failed)
    percent = 100 * passed // run if run else 0
    print(f"\n{percent}% tests passed, {len(failed)} tests failed out of {run}\n")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
