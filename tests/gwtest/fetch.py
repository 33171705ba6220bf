"""gatewayd-fetch as the core runs it: a listening socket on descriptor 3."""
import os
import socket

from .process import Process, program
from .varlink import Varlink, VarlinkError


class Fetch:
    def __init__(self, folder, *options):
        self.path = os.path.join(str(folder), "fetch")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.path)
        listener.listen(64)

        def place_descriptor():
            os.dup2(listener.fileno(), 3)

        # A proxy of the surroundings must not come between a test and its own server.
        environment = {"no_proxy": "*", "NO_PROXY": "*"}
        self.process = Process([program("gatewayd-fetch"), *options], os.path.join(str(folder), "fetch.log"),
                               env=environment, preexec_fn=place_descriptor, pass_fds=(3,))
        listener.close()

    def start(self, url, start=0, to=None, if_range=None, tls_ca=None, allow_http=True, timeout=30):
        """The connection and the head; raises VarlinkError."""
        connection = Varlink(self.path, timeout=timeout)
        parameters = {"url": url, "from": start, "allow_http": allow_http}
        for name, value in (("to", to), ("if_range", if_range), ("tls_ca", tls_ca)):
            if value is not None:
                parameters[name] = value
        connection.send("io.gatewayd.Fetch.Get", parameters, upgrade=True)
        try:
            return connection, next(connection.replies())
        except VarlinkError:
            connection.close()
            raise

    def get(self, url, limit=1 << 40, **options):
        """(head, body); stops after `limit` bytes."""
        connection, head = self.start(url, **options)
        body = bytearray(connection.buffer)
        with connection:
            while len(body) < limit:
                data = connection.sock.recv(1 << 20)
                if not data:
                    break
                body += data
        return head, bytes(body)

    def refusal(self, url, **options):
        """(code, HTTP status or None, detail) of a Get that must fail before its head."""
        try:
            self.get(url, **options)
        except VarlinkError as error:
            assert error.name == "io.gatewayd.Fetch.Failed", error
            return error.parameters["code"], error.parameters.get("status"), error.parameters["detail"]
        raise AssertionError("the Get was not refused")

    def stop(self):
        self.process.kill()
