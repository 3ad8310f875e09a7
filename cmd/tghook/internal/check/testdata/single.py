# A receiver that serves one connection at a time, as http.server's HTTPServer does.
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 200
        if self.headers.get_all("X-Telegram-Bot-Api-Secret-Token") != [sys.argv[1]]:
            status = 401
        elif len(body) > 1 << 20:
            status = 413
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
