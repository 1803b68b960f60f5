"""Real deliveries, verified by the Python library of Standard Webhooks.

The binary in ACCOUNTS_BINARY serves an empty database, an integration makes a webhook on this machine, and whatever
arrives there has to verify: an event, a test, and both secrets after a rotation. What was changed must not.
"""

import queue
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from service import Service
from standardwebhooks import Webhook, WebhookVerificationError

received = queue.Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()
        received.put((dict(self.headers), body))

    def log_message(self, *_):
        pass


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
        scopes = ["webhooks:manage", "accounts:open"]
        with Service(data, scopes, ["--webhooks-allow-private"]) as service:
            run(service.call, receiver.server_port)


def run(call, port):
    body = {"url": f"http://127.0.0.1:{port}/in", "event_types": ["account.opened"]}
    made = call("POST", "/v1/webhooks", body)
    hook, first = f"/v1/webhooks/{made['id']}", made["secret"]
    account = {"address": "ana@lima.example", "display_name": "Ana Lima", "account_name": "Lima Ltd"}
    call("PUT", "/v1/accounts/by-external-id/4711", account)
    opened = next_delivery([first], "account.opened")
    assert opened["data"]["object"]["external_id"] == "4711", opened
    call("POST", f"{hook}/test")
    next_delivery([first], "webhook.test")
    second = call("POST", f"{hook}/rotate-secret")["secret"]
    call("POST", f"{hook}/test")
    next_delivery([second, first], "webhook.test")


main()
