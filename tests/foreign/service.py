"""The binary in ACCOUNTS_BINARY as a process of its own, and how it is asked."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

BINARY = os.environ["ACCOUNTS_BINARY"]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Service:
    """Serves what is in a folder, at first nothing, with an integration made before the first start."""

    def __init__(self, data, scopes, arguments=(), **settings):
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.arguments = arguments
        self.settings = {
            "PATH": os.environ["PATH"],
            "ACCOUNTS_DATA": data,
            "ACCOUNTS_LISTEN": f"127.0.0.1:{port}",
            "ACCOUNTS_METRICS_LISTEN": "off",
            "ACCOUNTS_LOG": "warn",
            **settings,
        }
        create = [BINARY, "integration", "create", "Foreign", *(f"--scope={scope}" for scope in scopes)]
        told = subprocess.run(create, env=self.settings, check=True, capture_output=True, text=True).stdout
        self.key = next(word for word in told.split() if word.startswith("ik_live_"))
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)

    def start(self):
        command = [BINARY, "serve", *self.arguments]
        self.process = subprocess.Popen(command, env=self.settings, stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                urllib.request.urlopen(self.base + "/readyz", timeout=2)
                return
            except OSError:
                time.sleep(0.1)
        self.process.kill()
        sys.exit("the service does not get ready")

    def call(self, method, path, body=None, key=None):
        """Asks as the integration, or as whoever has the other key."""
        request = urllib.request.Request(self.base + path, method=method)
        request.add_header("Authorization", f"Bearer {key or self.key}")
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=20) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            sys.exit(f"{method} {path}: {refused.code} {refused.read().decode()}")
