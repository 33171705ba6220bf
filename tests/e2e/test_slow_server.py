"""A server that sends one byte a second. In a file of its own: it takes as long as the limit says."""
import time

from gwtest import badweb
from gwtest.badweb import BadWeb


def test_one_byte_a_second_is_given_up_after_a_minute(make_plant, tmp_path):
    web = BadWeb(tmp_path / "web")
    try:
        plant = make_plant(config={"allow_http": True})
        web.behave["/plant.gwp"] = badweb.drips(web, bytes(1000), 1)
        start = time.monotonic()
        status, out = plant.ctl_json("install", web.url("/plant.gwp"))
        assert (out["error"]["code"], status) == ("GW5010", 75), out
        assert 55 < time.monotonic() - start < 90
        assert plant.flashed() == 0 and plant.call("Jobs")["jobs"] == []
    finally:
        web.stop()
