"""What the receivers in Python share: a server that hands each POST to the receiver and prints what was understood."""
import http.server


def serve(understand):
    """understand(raw, headers) returns a sentence, or None for a delivery that does not verify.

    What it raises is a failure of the receiver.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # an answer in one piece

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                said = understand(raw, self.headers)
            except Exception as error:
                return self.answer(500, repr(error))
            if said is None:
                return self.answer(401, "Unauthorized")
            print(said.encode("unicode_escape").decode(), flush=True)
            self.answer(200, said)

        def answer(self, status, text):
            body = text.encode("utf-8", "surrogatepass")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()


def take(obj, **members):
    """Reads members of an object that must be there: take(data, name=str)."""
    for name, kind in members.items():
        if not isinstance(obj.get(name), kind) or isinstance(obj[name], bool):
            raise ValueError(f"{name} is {obj.get(name)!r}, expected {kind}")
    return [obj[name] for name in members]
