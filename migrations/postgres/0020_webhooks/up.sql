-- Where integrations are told of events, and what was told or is to be. A secret is encrypted under a key that is in no
-- database. A worker claims a delivery for a while; the claim of a worker that died runs out.

CREATE TABLE webhooks (
    id TEXT COLLATE "C" NOT NULL,
    integration_id TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    types TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C" NOT NULL,
    former_secret TEXT COLLATE "C",
    former_until TIMESTAMP,
    disabled_at TIMESTAMP,
    disabled_reason TEXT COLLATE "C",
    failing_since TIMESTAMP,
    version BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(url) > 0 AND length(types) > 0 AND length(secret) > 0),
    CHECK ((former_secret IS NULL) = (former_until IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CHECK (disabled_reason IN ('by_integration', 'gone', 'failing')),
    CHECK (version >= 1),
    FOREIGN KEY (integration_id) REFERENCES integrations (id)
);
CREATE INDEX webhooks_by_integration ON webhooks (integration_id, id);

CREATE TABLE webhook_deliveries (
    id TEXT COLLATE "C" NOT NULL,
    webhook_id TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    began_at TIMESTAMP NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TIMESTAMP NOT NULL,
    claimed_until TIMESTAMP,
    ended_at TIMESTAMP,
    last_attempt_at TIMESTAMP,
    last_status INTEGER,
    last_error TEXT COLLATE "C",
    last_answer TEXT COLLATE "C",
    PRIMARY KEY (id),
    UNIQUE (webhook_id, event_id),
    CHECK (length(id) > 0 AND length(kind) > 0),
    CHECK (state IN ('pending', 'delivered', 'failed')),
    CHECK ((state = 'pending') = (ended_at IS NULL)),
    CHECK (attempts >= 0),
    FOREIGN KEY (webhook_id) REFERENCES webhooks (id),
    FOREIGN KEY (event_id) REFERENCES audit_events (id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at) WHERE ended_at IS NULL;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
