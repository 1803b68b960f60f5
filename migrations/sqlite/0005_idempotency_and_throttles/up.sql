-- Answers kept for repeated requests, and counters of what is limited per window of time.

CREATE TABLE idempotency_keys (
    caller TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (caller, method, path, key),
    CHECK (length(caller) > 0 AND length(method) > 0 AND length(path) > 0 AND length(key) > 0),
    CHECK (status BETWEEN 100 AND 599)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE throttles (
    key TEXT NOT NULL,
    window_started_at TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (key),
    CHECK (length(key) > 0),
    CHECK (count >= 0)
) STRICT;
CREATE INDEX throttles_by_age ON throttles (window_started_at);
