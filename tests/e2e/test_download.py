"""Packages over HTTP from bad servers, through the daemon: the right code, nothing flashed, nothing
stored; and downloads that break off, are cut short or killed, and still end well."""
import os
import signal
import socket

import pytest

from gwtest import badweb
from gwtest.badweb import BadWeb
from gwtest.process import wait_until

HTTP = {"allow_http": True}


@pytest.fixture
def web(tmp_path, pki):
    server = BadWeb(tmp_path / "web")
    server.files["/plant.gwp"] = pki.make_package()
    yield server
    server.stop()


def check_refused(plant, url, code, exit_status):
    status, out = plant.ctl_json("install", url)
    assert (out["error"]["code"], status) == (code, exit_status), out
    assert plant.flashed() == 0
    assert plant.call("Jobs")["jobs"] == []
    assert any(code in str(entry) for entry in plant.audit()), plant.audit()


def check_done(plant, job):
    assert job["state"] == "done", job
    assert set(plant.versions().values()) == {"2.0.0"}
    plant.check_flash_rules()


def install(plant, url, **parameters):
    return plant.call("Install", {"url": url, **parameters})["job"]


# ---- refused ----

@pytest.mark.parametrize("status, code, exit_status", [(404, "GW5003", 1), (403, "GW5003", 1), (503, "GW5004", 75),
                                                       (429, "GW5004", 75)])
def test_a_server_that_says_no_is_reported_with_its_status(make_plant, web, status, code, exit_status):
    plant = make_plant(config=HTTP)
    web.behave["/plant.gwp"] = badweb.status(status)
    check_refused(plant, web.url("/plant.gwp"), code, exit_status)


def test_plain_http_without_permission_is_refused_before_a_request(make_plant, web):
    plant = make_plant()
    check_refused(plant, web.url("/plant.gwp"), "GW5002", 4)
    assert web.requests == []


def test_a_redirect_to_plain_http_is_refused(make_plant, web, tmp_path):
    secure = BadWeb(tmp_path / "secure", tls=True)
    try:
        plant = make_plant(config={"tls_ca": secure.ca})
        secure.behave["/plant.gwp"] = badweb.redirect(web.url("/plant.gwp"))
        check_refused(plant, secure.url("/plant.gwp"), "GW5002", 4)
        assert web.requests == []
    finally:
        secure.stop()


@pytest.mark.parametrize("days, tls_ca", [(-1, True), (30, False)])
def test_a_certificate_that_is_expired_or_of_a_stranger_is_refused(make_plant, tmp_path, pki, days, tls_ca):
    secure = BadWeb(tmp_path / "secure", tls=True, days=days)
    try:
        secure.files["/plant.gwp"] = pki.make_package()
        plant = make_plant(config={"tls_ca": secure.ca} if tls_ca else {})
        check_refused(plant, secure.url("/plant.gwp"), "GW5005", 4)
        assert secure.requests == []
    finally:
        secure.stop()


def test_a_server_that_is_not_there_is_reported(plant):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    check_refused(plant, f"https://127.0.0.1:{port}/plant.gwp", "GW5006", 75)


def test_an_endless_body_is_given_up_at_once(make_plant, web):
    plant = make_plant(config=HTTP)
    web.behave["/plant.gwp"] = badweb.endless
    check_refused(plant, web.url("/plant.gwp"), "GW2001", 4)


def test_a_good_package_with_an_endless_tail_is_refused(make_plant, web, pki):
    data = pki.make_package()

    def behave(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")
        while True:
            handler.wfile.write(b"4000\r\n" + bytes(0x4000) + b"\r\n")
    web.behave["/plant.gwp"] = behave
    plant = make_plant(config={**HTTP, "cache_quota": "16M"})
    check_refused(plant, web.url("/plant.gwp"), "GW2004", 4)


def test_a_file_that_ends_too_early_is_refused(make_plant, web):
    plant = make_plant(config=HTTP)
    web.files["/plant.gwp"] = web.files["/plant.gwp"][:-2000]
    check_refused(plant, web.url("/plant.gwp"), "GW2002", 4)


def test_without_ranges_and_without_room_it_is_refused(make_plant, web):
    plant = make_plant(config={**HTTP, "cache_quota": 20_000})
    web.behave["/plant.gwp"] = badweb.ignores_range(web.files["/plant.gwp"])
    check_refused(plant, web.url("/plant.gwp"), "GW5008", 1)


@pytest.mark.parametrize("url", ["https://", "ftp://127.0.0.1/x", "https://user name@x/"])
def test_what_is_no_https_url_is_refused(plant, url):
    status, out = plant.ctl_json("install", url)
    assert status != 0 and "error" in out, out
    assert plant.call("Jobs")["jobs"] == [] and plant.flashed() == 0


def test_another_file_than_a_package_is_refused(make_plant, web):
    web.files["/plant.gwp"] = b"<html>welcome to the hotel's network</html>" * 100
    check_refused(make_plant(config=HTTP), web.url("/plant.gwp"), "GW2001", 4)


def test_a_server_that_was_busy_once_is_no_failure(make_plant, web):
    plant = make_plant(config=HTTP)
    data, calls = plant.pki.make_package(), []

    def behave(handler):
        calls.append(1)
        (badweb.status(503) if len(calls) == 1 else lambda h: badweb.serve_range(h, data))(handler)
    web.behave["/plant.gwp"] = behave
    assert plant.ctl("install", web.url("/plant.gwp"))[0] == 0
    assert plant.versions() == {"line-1": "2.0.0"}


# ---- what goes wrong later ----

@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_a_server_without_ranges_is_good_enough_when_there_is_room(make_plant, web, mode):
    plant = make_plant(config={**HTTP, "mode": mode})
    web.behave["/plant.gwp"] = badweb.ignores_range(web.files["/plant.gwp"])
    check_done(plant, plant.wait_for_end(install(plant, web.url("/plant.gwp"))))


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_another_file_under_the_same_url_fails_the_job(make_plant, web, mode):
    plant = make_plant(config={**HTTP, "mode": mode})
    data = web.files["/plant.gwp"]
    payload_at = data.index(plant.pki.new.payload)

    def behave(handler):
        first, _ = badweb.asked_range(handler, len(data))
        is_later = payload_at <= first < payload_at + len(plant.pki.new.payload)
        badweb.serve_range(handler, data, '"v2"' if is_later else '"v1"')

    web.behave["/plant.gwp"] = behave
    job = plant.wait_for_end(install(plant, web.url("/plant.gwp")))
    assert job["state"] == "failed" and job["steps"][0]["error"]["code"] == "GW5007", job
    assert set(plant.versions().values()) == {"1.0.0"}
    plant.check_flash_rules()


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_of_a_tampered_block_nothing_reaches_a_device(make_plant, web, pki, mode):
    plant = make_plant(config={**HTTP, "mode": mode})
    data = bytearray(web.files["/plant.gwp"])
    payload_at = data.index(pki.new.payload)
    bad = len(pki.new.payload) // 2
    data[payload_at + bad] ^= 0x01
    web.files["/plant.gwp"] = bytes(data)
    job = plant.wait_for_end(install(plant, web.url("/plant.gwp")))
    assert job["state"] == "failed" and job["steps"][0]["error"]["code"] == "GW2012", job
    assert plant.flashed() <= bad // 1024 * 1024
    assert mode == "streamed" or plant.flashed() == 0
    assert set(plant.versions().values()) == {"1.0.0"}
    plant.check_flash_rules()


def ranges(web):
    """First bytes of the ranges that were asked for."""
    return [int(headers["Range"][6:].split("-")[0]) for _, headers in web.requests]


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_a_download_that_breaks_off_goes_on_where_it_broke(make_plant, web, mode):
    plant = make_plant(config={**HTTP, "mode": mode})
    data = web.files["/plant.gwp"]
    web.behave["/plant.gwp"] = badweb.breaks_off(data, 30_000)
    check_done(plant, plant.wait_for_end(install(plant, web.url("/plant.gwp"))))
    first = ranges(web)
    assert any(b - a == 30_000 for a, b in zip(first, first[1:])), first
    assert all(h.get("If-Range") == '"v1"' for _, h in web.requests[1:])


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_a_killed_fetcher_is_started_again_and_the_job_ends_well(make_plant, web, mode):
    plant = make_plant(config={**HTTP, "mode": mode})
    data = web.files["/plant.gwp"]
    web.behave["/plant.gwp"] = badweb.throttled(web, data, 50_000)
    number = install(plant, web.url("/plant.gwp"))
    before = len(web.requests)
    wait_until(lambda: len(web.requests) > before + 1, "the download of the image")
    pid = plant.child("gatewayd-fetch")
    os.kill(pid, signal.SIGKILL)
    check_done(plant, plant.wait_for_end(number))
    assert "GW5012" in plant.core.log()


def test_a_killed_daemon_goes_on_with_what_it_had_downloaded(make_plant, web):
    plant = make_plant(config={**HTTP, "mode": "cached"})
    data = web.files["/plant.gwp"]
    web.behave["/plant.gwp"] = badweb.throttled(web, data, 40_000)
    number = install(plant, web.url("/plant.gwp"))
    wait_until(lambda: plant.job(number)["download_done"] > 30_000, "a third of the download")
    plant.core.kill()
    before = len(web.requests)
    plant.start_core()
    check_done(plant, plant.wait_for_end(number))
    after = ranges(web)[before:]
    payload_at = data.index(plant.pki.new.payload)
    assert after and min(a for a in after if a >= payload_at - 4000) >= payload_at + 30_000, after


def test_the_fetcher_runs_only_while_it_is_needed(plant):
    assert plant.child("gatewayd-fetch") is None


def test_when_the_server_comes_back_the_job_goes_on(make_plant, web):
    plant = make_plant(config={**HTTP, "mode": "streamed"})
    data = web.files["/plant.gwp"]
    refusals = []

    def behave(handler):
        first, _ = badweb.asked_range(handler, len(data))
        if first > data.index(plant.pki.new.payload) and len(refusals) < 2:
            refusals.append(first)
            badweb.answer(handler, 503, b"maintenance\n")
        else:
            badweb.serve_range(handler, data)

    web.behave["/plant.gwp"] = behave
    check_done(plant, plant.wait_for_end(install(plant, web.url("/plant.gwp"))))
    assert len(refusals) == 2 and "GW5004" in plant.core.log()
