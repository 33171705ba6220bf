"""Every skipped test is one line `SKIP: name: reason`, which ./check collects; it never passes silently."""
import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        item.config.stash.setdefault(_skips, []).append((item.originalname or item.name, reason))


_skips = pytest.StashKey()


def pytest_terminal_summary(terminalreporter, config):
    for name, reason in config.stash.get(_skips, []):
        terminalreporter.write_line(f"SKIP: {name}: {reason}")
