-- Where integrations are told of events, and what was told or is to be. A secret is encrypted under a key that is in no
-- database. A worker claims a delivery for a while; the claim of a worker that died runs out.

CREATE TABLE webhooks (
    id TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    url TEXT NOT NULL,
    description TEXT,
    types TEXT NOT NULL,
    secret TEXT NOT NULL,
    former_secret TEXT,
    former_until TEXT,
    disabled_at TEXT,
    disabled_reason TEXT,
    failing_since TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(url) > 0 AND length(types) > 0 AND length(secret) > 0),
    CHECK ((former_secret IS NULL) = (former_until IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CHECK (disabled_reason IN ('by_integration', 'gone', 'failing')),
    CHECK (version >= 1),
    FOREIGN KEY (integration_id) REFERENCES integrations (id)
) STRICT;
CREATE INDEX webhooks_by_integration ON webhooks (integration_id, id);

CREATE TABLE webhook_deliveries (
    id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    event_id TEXT,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    began_at TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TEXT NOT NULL,
    claimed_until TEXT,
    ended_at TEXT,
    last_attempt_at TEXT,
    last_status INTEGER,
    last_error TEXT,
    last_answer TEXT,
    PRIMARY KEY (id),
    UNIQUE (webhook_id, event_id),
    CHECK (length(id) > 0 AND length(kind) > 0),
    CHECK (state IN ('pending', 'delivered', 'failed')),
    CHECK ((state = 'pending') = (ended_at IS NULL)),
    CHECK (attempts >= 0),
    FOREIGN KEY (webhook_id) REFERENCES webhooks (id),
    FOREIGN KEY (event_id) REFERENCES audit_events (id)
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at) WHERE ended_at IS NULL;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
