"""Servers that are wrong, slow or broken, seen by the daemon: the right code, nothing flashed; what can be
mended is."""
import pytest

from gwtest import badweb
from gwtest.badweb import BadWeb
from gwtest.plant import Plant

EXIT = {"GW5001": 2, "GW5002": 4, "GW5003": 1, "GW5004": 75, "GW5005": 4, "GW5006": 75, "GW5007": 1, "GW5009": 1,
        "GW2001": 4}


@pytest.fixture
def web(tmp_path):
    server = BadWeb(tmp_path / "web")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared(pki):
    """One plant whose cache is left as it was by everything that is refused."""
    plant = Plant(pki, config={"allow_http": True}).start()
    yield plant
    plant.stop()


def check_refused(plant, url, code):
    before = plant.call("Jobs"), plant.flashed(), plant.versions()
    lines = sum(e["count"] for e in plant.audit())
    status, out = plant.ctl_json("install", url)
    assert out["error"]["code"] == code, out
    assert status == EXIT[code]
    assert (plant.call("Jobs"), plant.flashed(), plant.versions()) == before
    assert sum(e["count"] for e in plant.audit()) == lines + 1


@pytest.mark.parametrize("status, code", [(404, "GW5003"), (403, "GW5003"), (410, "GW5003")])
def test_a_status_that_is_an_error_is_refused(shared, web, status, code):
    web.behave["/x.gwp"] = badweb.status(status)
    check_refused(shared, web.url("/x.gwp"), code)


def test_a_server_that_stays_busy_is_refused_after_some_tries(shared, web):
    web.behave["/x.gwp"] = badweb.status(503)
    check_refused(shared, web.url("/x.gwp"), "GW5004")
    assert len(web.requests) > 2


def test_a_server_that_was_busy_once_is_no_failure(make_plant, web):
    plant = make_plant(config={"allow_http": True})
    data, calls = plant.pki.make_package(), []

    def behave(handler):
        calls.append(1)
        (badweb.status(503) if len(calls) == 1 else lambda h: badweb.serve_range(h, data))(handler)
    web.behave["/x.gwp"] = behave
    assert plant.ctl("install", web.url("/x.gwp"))[0] == 0
    assert plant.versions() == {"line-1": "2.0.0"}


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_a_server_that_ignores_range_is_kept_whole(make_plant, web, mode):
    plant = make_plant(config={"allow_http": True, "mode": mode})
    web.behave["/x.gwp"] = badweb.ignores_range(plant.pki.make_package())
    status, out, err = plant.ctl("install", web.url("/x.gwp"))
    assert status == 0, (out, err)
    assert plant.versions() == {"line-1": "2.0.0"}


def test_an_endless_body_is_not_swallowed(shared, web):
    web.behave["/x.gwp"] = badweb.endless
    status, out = shared.ctl_json("install", web.url("/x.gwp"))
    assert status != 0 and out["error"]["code"].startswith(("GW2", "GW5")), out
    assert shared.call("Jobs")["jobs"] == [] and shared.flashed() == 0


def test_another_file_under_the_same_url_is_noticed(make_plant, web):
    plant = make_plant(config={"allow_http": True, "mode": "streamed"}, baud=921600)
    data = plant.pki.make_package({"meter": plant.pki.make_image(2, 250_000)})  # more than a window
    etags = ['"one"']
    web.behave["/x.gwp"] = lambda h: badweb.serve_range(h, data, etags[0])
    number = plant.call("Install", {"url": web.url("/x.gwp")})["job"]
    plant.wait_for_bytes(10_000)
    etags[0] = '"two"'
    job = plant.wait_for_end(number)
    assert job["state"] == "failed" and job["error"]["code"] == "GW5007", job
    assert plant.versions() == {"line-1": "1.0.0"}


@pytest.mark.parametrize("mode", ["cached", "streamed"])
def test_a_download_that_breaks_off_goes_on_where_it_was(make_plant, web, mode):
    plant = make_plant(config={"allow_http": True, "mode": mode})
    data = plant.pki.make_package()
    web.behave["/x.gwp"] = badweb.breaks_off(data, 30_000)
    status, out, err = plant.ctl("install", web.url("/x.gwp"))
    assert status == 0, (out, err)
    assert plant.versions() == {"line-1": "2.0.0"}
    plant.check_flash_rules()


def test_http_without_permission_is_refused(make_plant, web):
    plant = make_plant()
    web.files["/x.gwp"] = plant.pki.make_package()
    check_refused(plant, web.url("/x.gwp"), "GW5002")
    assert web.requests == []


@pytest.mark.parametrize("url", ["https://", "ftp://127.0.0.1/x", "https://user name@x/"])
def test_what_is_no_https_url_is_refused(shared, url):
    before = shared.call("Jobs")
    status, out = shared.ctl_json("install", url)
    assert status != 0 and "error" in out, out
    assert shared.call("Jobs") == before


def test_nobody_listening_is_said_so(shared):
    check_refused(shared, "https://127.0.0.1:1/x.gwp", "GW5006")


def test_an_expired_certificate_is_refused(make_plant, tmp_path):
    server = BadWeb(tmp_path / "tls", tls=True, days=-1)
    try:
        plant = make_plant(config={"tls_ca": server.ca})
        server.files["/x.gwp"] = plant.pki.make_package()
        check_refused(plant, server.url("/x.gwp"), "GW5005")
    finally:
        server.stop()


def test_another_file_than_a_package_is_refused(shared, web):
    web.files["/x.gwp"] = b"<html>welcome to the hotel's network</html>" * 100
    check_refused(shared, web.url("/x.gwp"), "GW2001")
