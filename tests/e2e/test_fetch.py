"""gatewayd-fetch against good and bad servers, through its own socket."""
import json
import os
import random
import socket
import threading
import time

import pytest

from gwtest import badweb
from gwtest.badweb import BadWeb
from gwtest.fetch import Fetch
from gwtest.process import wait_until
from gwtest.varlink import Varlink, VarlinkError
from gwtest.web import Nginx

DATA = random.Random(1).randbytes(3_000_001)

GW_BAD_PARAMETER = 7008
GW_SOURCE_URL, GW_SOURCE_PLAIN_HTTP, GW_SOURCE_STATUS, GW_SOURCE_BUSY = 5001, 5002, 5003, 5004
GW_SOURCE_TLS, GW_SOURCE_CONNECT, GW_SOURCE_LENGTH = 5005, 5006, 5009
GW_SOURCE_SLOW, GW_SOURCE_BROKEN = 5010, 5011


@pytest.fixture
def web(tmp_path):
    server = BadWeb(tmp_path / "web")
    server.files["/file"] = DATA
    yield server
    server.stop()


@pytest.fixture
def fetch(tmp_path):
    fetcher = Fetch(tmp_path)
    yield fetcher
    fetcher.stop()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    os.chmod(folder, 0o755)
    root = folder / "root"
    root.mkdir()
    (root / "file").write_bytes(DATA)
    server = Nginx(folder / "server", root)
    yield server
    server.stop()


def test_a_whole_file_and_any_range_come_over_https(fetch, nginx):
    head, body = fetch.get(nginx.url("file"), tls_ca=nginx.ca, allow_http=False)
    assert body == DATA and head["size"] == len(DATA) and head["status"] == 206
    for first, end in ((0, 1), (0, 65536), (1, 2), (100_000, 2_000_000), (len(DATA) - 1, len(DATA))):
        head, body = fetch.get(nginx.url("file"), start=first, to=end, tls_ca=nginx.ca)
        assert head["status"] == 206 and head["size"] == len(DATA) and head["etag"].startswith('"')
        assert body == DATA[first:end]
    head, body = fetch.get(nginx.url("file"), start=1_000_000, tls_ca=nginx.ca)
    assert body == DATA[1_000_000:]


def test_if_range_with_the_right_etag_is_partial_and_with_another_is_whole(fetch, nginx):
    head, _ = fetch.get(nginx.url("file"), to=1, tls_ca=nginx.ca)
    again, body = fetch.get(nginx.url("file"), start=10, to=20, if_range=head["etag"], tls_ca=nginx.ca)
    assert again["status"] == 206 and body == DATA[10:20]
    again, body = fetch.get(nginx.url("file"), start=10, to=20, if_range='"other"', tls_ca=nginx.ca)
    assert again["status"] == 200 and body == DATA[:20]


def test_ranges_one_after_the_other_share_one_connection(tmp_path, fetch):
    secure = BadWeb(tmp_path / "secure", tls=True)
    try:
        secure.files["/file"] = DATA
        for i in range(20):
            start = i * 70_000
            assert fetch.get(secure.url("/file"), start=start, to=start + 65536, tls_ca=secure.ca)[1] == \
                DATA[start:start + 65536]
        assert len(secure.requests) == 20 and secure.connections == 1
    finally:
        secure.stop()


def test_many_gets_run_at_once_and_one_that_is_not_read_holds_up_no_other(fetch, nginx):
    stuck, _ = fetch.start(nginx.url("file"), tls_ca=nginx.ca)
    results = [None] * 20

    def get(i):
        results[i] = fetch.get(nginx.url("file"), start=i * 1000, tls_ca=nginx.ca)[1]

    threads = [threading.Thread(target=get, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(results[i] == DATA[i * 1000:] for i in range(20))
    rest = bytearray(stuck.buffer)
    while data := stuck.sock.recv(65536):
        rest += data
    stuck.close()
    assert rest == DATA


def test_memory_stays_flat_behind_a_reader_that_does_not_read(fetch, web):
    web.behave["/endless"] = badweb.endless
    connection, _ = fetch.start(web.url("/endless"))

    def resident():
        with open(f"/proc/{fetch.process.pid}/statm", encoding="utf-8") as statm:
            return int(statm.read().split()[1]) * 4096

    time.sleep(0.3)
    before = resident()
    time.sleep(0.7)
    assert resident() - before < 1 << 20
    connection.close()


def test_an_endless_body_is_cut_where_the_range_ends(fetch, web):
    web.behave["/endless"] = badweb.endless
    head, body = fetch.get(web.url("/endless"), to=100_000)
    assert head["status"] == 200 and "size" not in head and len(body) == 100_000


def test_a_server_that_ignores_range_is_reported_as_200(fetch, web):
    web.behave["/whole"] = badweb.ignores_range(DATA)
    head, body = fetch.get(web.url("/whole"), start=1000, to=2000)
    assert head["status"] == 200 and head["size"] == len(DATA) and body == DATA[:2000]


@pytest.mark.parametrize("status, code", [
    (404, GW_SOURCE_STATUS), (403, GW_SOURCE_STATUS), (401, GW_SOURCE_STATUS), (410, GW_SOURCE_STATUS),
    (501, GW_SOURCE_STATUS), (204, GW_SOURCE_STATUS), (500, GW_SOURCE_BUSY), (502, GW_SOURCE_BUSY),
    (503, GW_SOURCE_BUSY), (504, GW_SOURCE_BUSY), (429, GW_SOURCE_BUSY), (408, GW_SOURCE_BUSY)])
def test_a_status_that_is_no_answer_has_its_code(fetch, web, status, code):
    web.behave["/x"] = badweb.status(status)
    if status == 204:
        web.behave["/x"] = lambda handler: badweb.answer(handler, 204, b"", Content_Length=None)
    assert fetch.refusal(web.url("/x"))[:2] == (code, status)


def test_a_range_behind_the_end_is_refused(fetch, web):
    assert fetch.refusal(web.url("/file"), start=len(DATA))[:2] == (GW_SOURCE_LENGTH, 416)


@pytest.mark.parametrize("content_range", [
    "bytes 0-9/100", "bytes 11-20/100", "bytes 10-20/100", "bytes 10-19/*", "bytes 19-10/100", "garbage", None])
def test_another_range_than_asked_is_refused(fetch, web, content_range):
    web.behave["/x"] = lambda handler: badweb.answer(handler, 206, bytes(10), Content_Range=content_range)
    assert fetch.refusal(web.url("/x"), start=10, to=20)[0] == GW_SOURCE_LENGTH


def test_a_body_longer_than_announced_is_cut(fetch, web):
    def behave(handler):
        badweb.answer(handler, 206, bytes(1000), Content_Length="1000", Content_Range="bytes 0-9/1000")
        handler.close_connection = True
    web.behave["/x"] = behave
    head, body = fetch.get(web.url("/x"), to=10)
    assert head["size"] == 1000 and len(body) == 10


def test_a_body_that_breaks_off_ends_early(fetch, web):
    web.behave["/x"] = badweb.breaks_off(DATA, 5000)
    head, body = fetch.get(web.url("/x"), to=10_000)
    assert head["status"] == 206 and body == DATA[:5000]


def test_two_answers_in_one_head_are_refused(fetch, web):
    def behave(handler):
        handler.wfile.write(b"HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/10\r\nContent-Range: bytes 0-9/11\r\n"
                            b"Content-Length: 10\r\n\r\n0123456789")
    web.behave["/x"] = behave
    assert fetch.refusal(web.url("/x"))[0] == GW_SOURCE_LENGTH


def test_a_server_that_closes_at_once_is_a_broken_download(fetch, web):
    def behave(handler):
        handler.close_connection = True
    web.behave["/x"] = behave
    assert fetch.refusal(web.url("/x"))[0] == GW_SOURCE_BROKEN


@pytest.mark.parametrize("head_first", [True, False])
def test_one_byte_a_second_is_too_slow(tmp_path, web, head_first):
    fetcher = Fetch(tmp_path, "--min-rate", "64", "--min-time", "1")
    try:
        web.behave["/x"] = badweb.drips(web, DATA[:1000], 2, head_first)
        start = time.monotonic()
        if head_first:
            _, body = fetcher.get(web.url("/x"))
            assert len(body) < 10
        else:
            assert fetcher.refusal(web.url("/x"))[0] == GW_SOURCE_SLOW
        assert time.monotonic() - start < 5
    finally:
        fetcher.stop()


def test_a_server_that_says_nothing_is_too_slow(tmp_path, web):
    fetcher = Fetch(tmp_path, "--min-time", "1")
    try:
        web.behave["/x"] = badweb.silent(web)
        assert fetcher.refusal(web.url("/x"))[0] == GW_SOURCE_SLOW
    finally:
        fetcher.stop()


def test_a_slow_download_that_is_fast_enough_goes_through(tmp_path, web):
    fetcher = Fetch(tmp_path, "--min-rate", "10", "--min-time", "1")
    try:
        web.behave["/x"] = badweb.drips(web, DATA[:100], 40)
        assert fetcher.get(web.url("/x"))[1] == DATA[:100]
    finally:
        fetcher.stop()


def test_nobody_listening_or_no_such_name_cannot_be_reached(fetch):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    assert fetch.refusal(f"http://127.0.0.1:{port}/")[0] == GW_SOURCE_CONNECT
    assert fetch.refusal("http://name.invalid/")[0] == GW_SOURCE_CONNECT


@pytest.mark.parametrize("url", ["", "file", "file:///etc/passwd", "ftp://127.0.0.1/x", "https://", "https://u:p@h/x",
                                 "gopher://127.0.0.1/", "https://exa mple/", "http://127.0.0.1:99999/"])
def test_what_is_no_web_address_is_refused(fetch, url):
    assert fetch.refusal(url)[0] == GW_SOURCE_URL


def test_plain_http_needs_permission(fetch, web):
    assert fetch.refusal(web.url("/file"), allow_http=False)[0] == GW_SOURCE_PLAIN_HTTP
    assert web.requests == []


def test_redirects_within_https_are_followed_and_to_http_or_files_are_not(tmp_path, fetch, web):
    secure = BadWeb(tmp_path / "secure", tls=True)
    try:
        secure.files["/file"] = DATA
        secure.behave["/same"] = badweb.redirect("/file")
        secure.behave["/down"] = badweb.redirect(web.url("/file"))
        secure.behave["/disk"] = badweb.redirect("file:///etc/passwd")
        secure.behave["/loop"] = badweb.redirect("/loop")
        options = {"tls_ca": secure.ca, "allow_http": False}
        assert fetch.get(secure.url("/same"), start=5, to=50, **options)[1] == DATA[5:50]
        assert fetch.refusal(secure.url("/down"), **options)[0] == GW_SOURCE_PLAIN_HTTP
        assert web.requests == []
        assert fetch.refusal(secure.url("/disk"), **options)[0] == GW_SOURCE_STATUS
        assert fetch.refusal(secure.url("/loop"), **options)[0] == GW_SOURCE_STATUS
        assert fetch.get(secure.url("/down"), to=9, tls_ca=secure.ca, allow_http=True)[1] == DATA[:9]
    finally:
        secure.stop()


def test_a_certificate_that_is_expired_or_of_a_stranger_is_refused(tmp_path, fetch, nginx):
    expired = BadWeb(tmp_path / "expired", tls=True, days=-1)
    try:
        expired.files["/file"] = DATA
        code, _, detail = fetch.refusal(expired.url("/file"), tls_ca=expired.ca)
        assert code == GW_SOURCE_TLS and "expired" in detail
        assert fetch.refusal(nginx.url("file"), tls_ca=expired.ca)[0] == GW_SOURCE_TLS
        assert fetch.refusal(nginx.url("file"))[0] == GW_SOURCE_TLS
        other_name = nginx.url("file").replace("127.0.0.1", "127.0.0.2")
        assert fetch.refusal(other_name, tls_ca=nginx.ca)[0] in (GW_SOURCE_TLS, GW_SOURCE_CONNECT)
        assert fetch.refusal(nginx.url("file"), tls_ca="/nonexistent.pem")[0] == GW_SOURCE_TLS
        assert expired.requests == []
    finally:
        expired.stop()


@pytest.mark.parametrize("parameters", [
    {"from": -1}, {"from": 5, "to": 5}, {"from": 5, "to": 4}, {"to": -1},
    {"if_range": '"a"\r\nX-Evil: 1'}])
def test_parameters_that_make_no_sense_are_refused(fetch, web, parameters):
    with Varlink(fetch.path) as connection:
        connection.send("io.gatewayd.Fetch.Get", {"url": web.url("/file"), "from": 0, "allow_http": True, **parameters},
                        upgrade=True)
        with pytest.raises(VarlinkError) as error:
            next(connection.replies())
    assert error.value.code == GW_BAD_PARAMETER and web.requests == []


def test_a_get_without_upgrade_is_refused_and_the_service_describes_itself(fetch, web):
    with Varlink(fetch.path) as connection:
        with pytest.raises(VarlinkError) as error:
            connection.call("io.gatewayd.Fetch.Get", {"url": web.url("/file"), "from": 0, "allow_http": True})
        assert error.value.code == GW_BAD_PARAMETER
        info = connection.call("org.varlink.service.GetInfo")
        assert "io.gatewayd.Fetch" in info["interfaces"]


def test_closing_the_connection_ends_the_download(fetch, web):
    ended = threading.Event()

    def behave(handler):
        try:
            badweb.endless(handler)
        except OSError:
            ended.set()
            raise
    web.behave["/x"] = behave
    connection, _ = fetch.start(web.url("/x"))
    connection.close()
    assert ended.wait(10)


def test_it_ends_when_idle_and_not_while_somebody_holds_on(tmp_path, web):
    fetcher = Fetch(tmp_path, "--idle-s", "1")
    try:
        hold = Varlink(fetcher.path)
        assert fetcher.get(web.url("/file"), to=10)[1] == DATA[:10]
        time.sleep(1.5)
        assert fetcher.process.alive()
        hold.close()
        wait_until(lambda: not fetcher.process.alive(), "gatewayd-fetch to end", 5)
        assert fetcher.process.popen.returncode == 0
    finally:
        fetcher.stop()


def test_nonsense_on_its_socket_does_not_hurt_it(fetch, web):
    for junk in (b"\0", b"{}\0", b"[" * 1000 + b"\0", b"\xff\xfe\0", b'{"method":"io.gatewayd.Fetch.Get"}\0',
                 json.dumps({"method": "io.gatewayd.Fetch.Get", "parameters": {"url": 5}}).encode() + b"\0"):
        with Varlink(fetch.path, timeout=5) as connection:
            connection.send_raw(junk)
            try:
                connection.sock.recv(4096)
            except OSError:
                pass
    assert fetch.get(web.url("/file"))[1] == DATA


@pytest.mark.parametrize("options", [["--min-rate"], ["--min-rate", "x"], ["--idle-s", "-1"], ["nonsense"],
                                     ["--min-time", "0"]])
def test_wrong_options_are_usage_errors(tmp_path, options):
    fetcher = Fetch(tmp_path, *options)
    assert fetcher.process.popen.wait(10) == 2
