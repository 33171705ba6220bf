"""nginx on loopback with TLS, as the demo uses it, and a certificate authority for it."""
import os
import shutil
import subprocess

from .process import Process, free_port, wait_until


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make_tls(folder, days=30):
    """Writes ca.pem, server.pem and server.key for 127.0.0.1; a negative `days` makes it expired."""
    ca_key, ca, key, request, cert = (os.path.join(folder, name) for name in
                                      ("ca.key", "ca.pem", "server.key", "server.csr", "server.pem"))
    extensions = os.path.join(folder, "server.ext")
    with open(extensions, "w", encoding="utf-8") as text:
        text.write("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
    if not os.path.exists(ca):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", ca_key, "-out", ca, "-subj", "/CN=web test CA", "-days", "30")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, "-out", request, "-subj", "/CN=127.0.0.1")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", cert,
            "-days", str(days), "-extfile", extensions)
    return ca, cert, key


class Nginx:
    """Serves `root` over HTTPS (and plain HTTP on another port). Log: folder/access.log."""

    def __init__(self, folder, root, days=30):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.ca, cert, key = make_tls(self.folder, days)
        self.port, self.plain_port = free_port(), free_port()
        config = os.path.join(self.folder, "nginx.conf")
        user = "user root;" if os.getuid() == 0 else ""
        with open(config, "w", encoding="utf-8") as text:
            text.write(f"""{user} worker_processes 1; daemon off; pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {self.folder}/access.log; default_type application/octet-stream;
    client_body_temp_path {self.folder}/t1; proxy_temp_path {self.folder}/t2; fastcgi_temp_path {self.folder}/t3;
    uwsgi_temp_path {self.folder}/t4; scgi_temp_path {self.folder}/t5;
    server {{
        listen 127.0.0.1:{self.port} ssl; listen 127.0.0.1:{self.plain_port};
        ssl_certificate {cert}; ssl_certificate_key {key}; root {root};
    }}
}}
""")
        nginx = shutil.which("nginx", path="/usr/sbin:" + os.environ["PATH"])
        self.process = Process([nginx, "-c", config, "-p", self.folder], os.path.join(self.folder, "nginx.log"))
        wait_until(lambda: os.path.exists(f"{self.folder}/nginx.pid"), "nginx")

    def url(self, name):
        return f"https://127.0.0.1:{self.port}/{name}"

    def plain_url(self, name):
        return f"http://127.0.0.1:{self.plain_port}/{name}"

    def stop(self):
        self.process.stop()
