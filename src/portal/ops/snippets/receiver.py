"""Receives and verifies work_item.closed. Needs Python 3.8 or newer, no dependencies:
API_KEY=... SIGNING_SECRET=whsec_... python3 receiver.py
"""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API_KEY = os.environ["API_KEY"]
SECRET = base64.b64decode(os.environ["SIGNING_SECRET"].replace("whsec_", "", 1))
PATH = "/service-hooks"
TOLERANCE_S = 5 * 60
LARGEST = 1024 * 1024

# Ids of events already received. In production, use a unique database column.
seen = set()
seen_lock = threading.Lock()


def is_genuine(headers, body):
    """Verifies API key, timestamp and signature."""
    if not is_same(headers.get("x-api-key", ""), API_KEY):
        return False
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not (timestamp.isascii() and timestamp.isdigit()):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_S:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    # During secret rotation the header has several signatures, separated by spaces.
    signatures = headers.get("webhook-signature", "").split(" ")
    return any([is_same(signature, expected) for signature in signatures])


def is_same(a, b):
    """Compares in constant time."""
    return hmac.compare_digest(a.encode(), b.encode())


def handle(message_id, event):
    print("work_item.closed", message_id, event["id"], flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        size = int(self.headers.get("content-length", 0))
        if size > LARGEST:
            return self.answer(413)
        # The raw bytes of the body. The signature covers these, not JSON that was serialised again.
        body = self.rfile.read(size)
        if self.path.split("?")[0] != PATH:
            return self.answer(404)
        if not is_genuine(self.headers, body):
            return self.answer(401)
        try:
            event = json.loads(body)
        except ValueError:
            return self.answer(400)
        message_id = self.headers["webhook-id"]
        with seen_lock:
            is_new = message_id not in seen
            seen.add(message_id)
        # Acknowledge a duplicate, but do not process it again.
        # Respond immediately and process later. In production, store the event before you respond.
        self.answer(204)
        if is_new:
            threading.Thread(target=handle, args=(message_id, event)).start()

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


# Run it behind TLS: the portal requires an https:// URL.
ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "4000"))), Receiver).serve_forever()
