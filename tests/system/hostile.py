"""An HTTP server that behaves as it is told, well or as badly as servers can."""
import os
import socket
import ssl
import struct
import threading

HANG = 60  # a hang that nobody ends is ended, so that no thread outlives its test by much


class Hostile:
    """Answers each request as the next of `script` says; the last one stays. What it can do are the methods `be_*`; a
    number is a status, a pair a status and headers."""

    def __init__(self, *script, tls=None, unix=None):
        self.script = list(script)
        self.requests = []  # (method, target, headers, body, number of the connection)
        self.over = threading.Event()
        self.sent = 0  # bytes of endless answers
        self._arrived = threading.Condition()
        self._tls = tls
        if unix:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(unix)
            self._listener.listen(64)
            self.address = None
        else:
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
            self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.over.set()
        try:  # wakes the accept(2) that a close alone would leave waiting
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def wait_for(self, wanted, timeout=15):
        """Until wanted(requests) is true."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: wanted(self.requests), timeout), self.requests

    def events(self):
        """What the requests were about, by their idempotency keys: "finished", "started", "heartbeat-2"."""
        keys = [headers["idempotency-key"].strip('"') for _, _, headers, _, _ in self.requests]
        return [key[37:] or "finished" for key in keys]

    def _serve(self):
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection, self.connections), daemon=True).start()

    def _talk(self, connection, number):
        try:
            if self.script[0] == "hang_handshake":
                self.over.wait(HANG)
                return
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            stream = connection.makefile("rb")
            while self._answer_one(connection, stream, number):
                pass
        except OSError:
            pass
        finally:
            connection.close()

    def _answer_one(self, connection, stream, number):
        line = stream.readline().decode()
        if not line:
            return False
        method, target, _ = line.split(" ", 2)
        headers = {}
        while (line := stream.readline().decode().strip()):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        with self._arrived:
            self.requests.append((method, target, headers, body, number))
            answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            self._arrived.notify_all()
        if isinstance(answer, str):
            return bool(getattr(self, "be_" + answer)(connection))
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        self._send(connection, status, more, b"because\nof reasons")
        return True

    @staticmethod
    def _send(connection, status, headers, body):
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def be_hang(self, _):
        self.over.wait(HANG)

    def be_hang_in_body(self, connection):
        connection.sendall(b"HTTP/1.1 503 Whatever\r\nContent-Length: 1000\r\n\r\nwait")
        self.over.wait(HANG)

    def be_hang_in_good_body(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nwait")
        self.over.wait(HANG)

    def be_endless(self, connection, status="400 No"):
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {10 << 30}\r\n\r\n".encode())
        block = b"x" * 65536
        while self.sent < 10 << 30 and not self.over.is_set():
            self.sent += connection.send(block)

    def be_endless_and_good(self, connection):
        self.be_endless(connection, "200 OK")

    def be_endless_headers(self, connection):
        connection.sendall(b"HTTP/1.1 503 Whatever\r\n")
        while not self.over.is_set():
            connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")

    def be_reset(self, connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def be_close(self, _):
        pass

    def be_garbage(self, connection):
        connection.sendall(b"\0\xff" * 1000)

    def be_redirect_loop(self, connection):
        self._send(connection, 307, {"Location": f"http://{self.address}/again"}, b"")
        return True


def make_certificates(folder, run):
    """An authority, a server's certificate for 127.0.0.1 and a client's, as PEM files; run() runs openssl(1)."""
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority", "-keyout",
        folder / "ca.key", "-out", folder / "ca.pem")
    for name, extension in [("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")]:
        run("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out",
            folder / f"{name}.csr")
        (folder / f"{name}.ext").write_text(extension + "\n")
        run("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", folder / f"{name}.ext", "-out", folder / f"{name}.pem")


def server_context(folder, client_needed=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if client_needed:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "ca.pem")
    return context
