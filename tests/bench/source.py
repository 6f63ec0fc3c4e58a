"""A local vendor that lists invoices of three lines: everybody who is compared reads from it. Run as a process of its own."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SIZE = 1000


def invoice(number: int) -> dict[str, object]:
    """One invoice, made up, but with the members that invoices have."""
    lines = [
        {
            "id": f"{number}-{line}",
            "item": {"id": str((number * 7 + line) % 500), "name": f"Item {(number * 7 + line) % 500}"},
            "description": f"Line {line} of invoice {number}",
            "quantity": line,
            "unit_price": 12.5,
            "amount": 12.5 * line,
            "tax_code": "S20",
        }
        for line in (1, 2, 3)
    ]
    return {
        "id": str(number),
        "etag": f"v{number}",
        "number": f"INV-{number:06d}",
        "customer": {"id": str(number % 2000), "name": f"Customer {number % 2000}"},
        "issued_on": f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        "updated_at": f"2026-11-01T{number % 24:02d}:00:00Z",
        "currency": "EUR",
        "memo": "Thank you for your order",
        "lines": lines,
        "total": 75.0,
    }


def serve(invoices: int) -> None:
    """Serve `/invoices?page=N` on a free port of this machine, whose number is printed first."""
    pages = [
        json.dumps({"invoices": [invoice(number) for number in range(start, min(start + SIZE, invoices))]}).encode()
        for start in range(0, invoices, SIZE)
    ]
    empty = json.dumps({"invoices": []}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
            body = pages[page - 1] if page <= len(pages) else empty
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
