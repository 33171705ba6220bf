"""A small blocking Varlink client, written for tests: it can also send what is not valid."""
import array
import json
import socket


class VarlinkError(Exception):
    """An error reply: name is "io.gatewayd.Control.Failed", parameters the dict with it."""

    def __init__(self, name, parameters):
        super().__init__(f"{name} {json.dumps(parameters)}")
        self.name = name
        self.parameters = parameters

    @property
    def code(self):
        return self.parameters.get("code")


class Varlink:
    """One connection. Use as a context manager."""

    def __init__(self, path=None, sock=None, timeout=30):
        self.sock = sock or socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        if path:
            self.sock.connect(str(path))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, method, parameters=None, fds=(), **flags):
        message = json.dumps({"method": method, "parameters": parameters or {}, **flags})
        self.send_raw(message.encode() + b"\0", fds)

    def send_raw(self, data, fds=()):
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            sent = self.sock.sendmsg([data[:1]], ancillary)
            data = data[sent:]
        self.sock.sendall(data)

    def receive(self):
        """The next reply as a dict; None when the peer closed the connection."""
        while b"\0" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buffer += data
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def replies(self):
        """Parameters of each reply of one call, the last one included."""
        while True:
            reply = self.receive()
            if reply is None:
                raise ConnectionError("the peer closed the connection in mid-call")
            if reply.get("error"):
                raise VarlinkError(reply["error"], reply.get("parameters") or {})
            yield reply.get("parameters") or {}
            if not reply.get("continues"):
                return

    def call(self, method, parameters=None, fds=()):
        self.send(method, parameters, fds)
        return next(self.replies())

    def call_more(self, method, parameters=None):
        self.send(method, parameters, more=True)
        return self.replies()


def call(path, method, parameters=None, fds=(), timeout=30):
    """One call on a connection of its own."""
    with Varlink(path, timeout=timeout) as connection:
        return connection.call(method, parameters, fds)
