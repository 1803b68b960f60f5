"""Real deliveries, verified by the Python library of Standard Webhooks.

The binary in ACCOUNTS_BINARY serves an empty database, an integration makes a webhook on this machine, and whatever
arrives there has to verify: an event, a test, and both secrets after a rotation. What was changed must not.
"""

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

BINARY = os.environ["ACCOUNTS_BINARY"]
received = queue.Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()
        received.put((dict(self.headers), body))

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def call(base, key, method, path, body=None):
    request = urllib.request.Request(base + path, method=method)
    request.add_header("Authorization", f"Bearer {key}")
    data = None
    if body is not None:
        request.add_header("Content-Type", "application/json")
        data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=20) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        sys.exit(f"{method} {path}: {refused.code} {refused.read().decode()}")


def next_delivery(secrets, kind):
    headers, body = received.get(timeout=30)
    for secret in secrets:
        told = Webhook(secret).verify(body, headers)
        assert told["type"] == kind, told
    for changed_headers, changed_body in [
        (headers, body + b" "),
        ({**headers, "webhook-id": "evt_other"}, body),
        ({name: value for name, value in headers.items() if name != "webhook-signature"}, body),
    ]:
        try:
            Webhook(secrets[0]).verify(changed_body, changed_headers)
        except WebhookVerificationError:
            continue
        sys.exit("what was changed was taken for authentic")
    print(f"{kind}: verified under {len(secrets)} secret(s)")
    return told


def main():
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as data:
        port = free_port()
        settings = {
            "PATH": os.environ["PATH"],
            "ACCOUNTS_DATA": data,
            "ACCOUNTS_LISTEN": f"127.0.0.1:{port}",
            "ACCOUNTS_METRICS_LISTEN": "off",
            "ACCOUNTS_LOG": "warn",
        }
        scopes = ["webhooks:manage", "accounts:open"]
        create = [BINARY, "integration", "create", "Foreign", *(f"--scope={scope}" for scope in scopes)]
        told = subprocess.run(create, env=settings, check=True, capture_output=True, text=True).stdout
        key = next(word for word in told.split() if word.startswith("ik_live_"))
        service = subprocess.Popen(
            [BINARY, "serve", "--webhooks-allow-private"], env=settings, stdout=subprocess.DEVNULL
        )
        try:
            run(f"http://127.0.0.1:{port}", key, receiver.server_port)
        finally:
            service.terminate()
            service.wait(timeout=30)


def run(base, key, port):
    for _ in range(200):
        try:
            urllib.request.urlopen(base + "/readyz", timeout=2)
            break
        except OSError:
            time.sleep(0.1)
    body = {"url": f"http://127.0.0.1:{port}/in", "event_types": ["account.opened"]}
    made = call(base, key, "POST", "/v1/webhooks", body)
    hook, first = f"/v1/webhooks/{made['id']}", made["secret"]
    account = {"address": "ana@lima.example", "display_name": "Ana Lima", "account_name": "Lima Ltd"}
    call(base, key, "PUT", "/v1/accounts/by-external-id/4711", account)
    opened = next_delivery([first], "account.opened")
    assert opened["data"]["object"]["external_id"] == "4711", opened
    call(base, key, "POST", f"{hook}/test")
    next_delivery([first], "webhook.test")
    second = call(base, key, "POST", f"{hook}/rotate-secret")["secret"]
    call(base, key, "POST", f"{hook}/test")
    next_delivery([second, first], "webhook.test")


main()
