"""How the consumer shows itself: `/state`, `/healthz`, and `POST /reset-pauses`."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Server(ThreadingHTTPServer):
    # The standard library's 5 connections that wait are the requests of 25 ms here; what people run in earnest has more.
    request_queue_size = 128


def serve(state, port):
    """Answers requests in threads of its own, until the process ends."""
    server = Server(("0.0.0.0", port), handler(state))
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()


def handler(state):
    class Handler(BaseHTTPRequestHandler):
        # The connection stays open until the client closes it.
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            url = urlsplit(self.path)
            if url.path == "/healthz":
                self._answer(200, "text/plain", b"ok\n")
            elif url.path == "/state":
                brief = "brief" in parse_qs(url.query, keep_blank_values=True)
                shown = state.brief() if brief else state.report()
                self._answer(200, "application/json", json.dumps(shown).encode())
            else:
                self._answer(404, "text/plain", b"not found\n")

        def do_POST(self):
            if urlsplit(self.path).path == "/reset-pauses":
                state.reset_pauses()
                self.send_response(204)
                self.end_headers()
            else:
                self._answer(404, "text/plain", b"not found\n")

        def _answer(self, status, kind, body):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Two hundred lines a second would tell nothing."""

    return Handler
