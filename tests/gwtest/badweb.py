"""A web server with the faults that real ones show: one behaviour for each path, on loopback."""
import http.server
import os
import ssl
import threading

from .web import make_tls


class BadWeb:
    """`behave[path] = function(handler)`; what is not there is served from `files[path]` by range.

    `requests` collects (path, headers) of each request. With `tls` a certificate of `self.ca`; a
    negative `days` makes it expired.
    """

    def __init__(self, folder, tls=False, days=30):
        self.files, self.behave, self.requests = {}, {}, []
        self.connections = 0
        self.stopping = threading.Event()
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                web.requests.append((self.path, dict(self.headers)))
                try:
                    if self.path in web.behave:
                        web.behave[self.path](self)
                    elif self.path in web.files:
                        serve_range(self, web.files[self.path])
                    else:
                        answer(self, 404, b"no such file\n")
                except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                """A client that refuses our certificate or goes away: what the tests are about."""

            def process_request(self, request, client_address):
                web.connections += 1
                super().process_request(request, client_address)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.scheme = "https" if tls else "http"
        if tls:
            os.makedirs(str(folder), exist_ok=True)
            self.ca, cert, key = make_tls(str(folder), days)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            # The handshake belongs into the handler's thread: a client that refuses must not stop us.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def url(self, path):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()


def answer(handler, status, body=b"", **headers):
    handler.send_response(status)
    headers.setdefault("Content_Length", str(len(body)))
    for name, value in headers.items():
        if value is not None:
            handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def asked_range(handler, size):
    """(first, last) of the Range header, or None."""
    text = handler.headers.get("Range", "")
    if not text.startswith("bytes="):
        return None
    first, _, last = text[6:].partition("-")
    return int(first), min(int(last) if last else size - 1, size - 1)


def serve_range(handler, data, etag='"v1"'):
    """As a good server does, If-Range included."""
    asked = asked_range(handler, len(data))
    condition = handler.headers.get("If-Range")
    if asked is None or (condition is not None and condition != etag):
        answer(handler, 200, data, ETag=etag)
    elif asked[0] >= len(data):
        answer(handler, 416, b"", Content_Range=f"bytes */{len(data)}")
    else:
        first, last = asked
        answer(handler, 206, data[first:last + 1], ETag=etag,
               Content_Range=f"bytes {first}-{last}/{len(data)}")


def ignores_range(data, etag='"v1"'):
    return lambda handler: answer(handler, 200, data, ETag=etag)


def status(code):
    return lambda handler: answer(handler, code, b"sorry\n")


def redirect(url):
    return lambda handler: answer(handler, 302, b"", Location=url)


def breaks_off(data, after):
    """Says the whole length of the range, sends `after` bytes of it and closes."""
    def behave(handler):
        first, last = asked_range(handler, len(data)) or (0, len(data) - 1)
        handler.send_response(206)
        handler.send_header("Content-Length", str(last - first + 1))
        handler.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        handler.send_header("ETag", '"v1"')
        handler.end_headers()
        handler.wfile.write(data[first:min(first + after, last + 1)])
        handler.close_connection = True
    return behave


def drips(web, data, bytes_a_second, head_first=True):
    """A body (or even the head) that comes one byte after the other."""
    def behave(handler):
        first, last = asked_range(handler, len(data)) or (0, len(data) - 1)
        text = (f"HTTP/1.1 206 x\r\nContent-Length: {last - first + 1}\r\n"
                f"Content-Range: bytes {first}-{last}/{len(data)}\r\n\r\n").encode()
        if head_first:
            handler.wfile.write(text)
            text = data[first:last + 1]
        for byte in text:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if web.stopping.wait(1 / bytes_a_second):
                return
        handler.close_connection = True
    return behave


def endless(handler):
    """A chunked body without an end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    chunk = b"4000\r\n" + bytes(0x4000) + b"\r\n"
    while True:
        handler.wfile.write(chunk)


def silent(web):
    """Takes the request and says nothing."""
    return lambda handler: web.stopping.wait()


def throttled(web, data, bytes_a_second, etag='"v1"'):
    """A good server on a slow line."""
    def behave(handler):
        first, last = asked_range(handler, len(data)) or (0, len(data) - 1)
        last = min(last, len(data) - 1)
        handler.send_response(206)
        handler.send_header("Content-Length", str(last - first + 1))
        handler.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        handler.send_header("ETag", etag)
        handler.end_headers()
        step = max(bytes_a_second // 20, 1)
        for at in range(first, last + 1, step):
            handler.wfile.write(data[at:min(at + step, last + 1)])
            handler.wfile.flush()
            if web.stopping.wait(0.05):
                return
    return behave
