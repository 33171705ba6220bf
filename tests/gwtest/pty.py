"""A pseudo terminal in place of a serial port, joined to a Unix socket: for programs that open serial ports."""
import os
import select
import socket
import threading
import tty


class Pty:
    """Use as a context; `path` is the port. Bytes go both ways until the end."""

    def __init__(self, socket_path):
        self.master, self.slave = os.openpty()
        tty.setraw(self.master)
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(socket_path)
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self._pump)

    def _pump(self):
        while True:
            ready, _, _ = select.select([self.master, self.socket, self.stop_read], [], [])
            if self.stop_read in ready:
                return
            if self.master in ready:
                self.socket.sendall(os.read(self.master, 4096))
            if self.socket in ready:
                data = self.socket.recv(4096)
                if not data:
                    return
                while data:
                    data = data[os.write(self.master, data):]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.close(self.stop_write)
        self.thread.join()
        self.socket.close()
        for fd in (self.master, self.slave, self.stop_read):
            os.close(fd)
