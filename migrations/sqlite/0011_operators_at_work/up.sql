-- Operators at work: their second factor and their log-ins, the sessions by which they act in a person's place, and what
-- their searches ask for.

-- Operators made before have no second factor, and do not log in until they are given one.
ALTER TABLE operators ADD COLUMN factor TEXT CHECK (factor IS NULL OR length(factor) > 0);
ALTER TABLE operators ADD COLUMN factor_step INTEGER CHECK (factor_step IS NULL OR (factor IS NOT NULL AND factor_step >= 0));

-- A session that has ended is not here any more.
CREATE TABLE operator_sessions (
    id TEXT NOT NULL,
    operator_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (id),
    CHECK (length(id) > 0),
    CHECK (created_at < expires_at),
    FOREIGN KEY (operator_id) REFERENCES operators (id)
) STRICT;
CREATE INDEX operator_sessions_by_operator ON operator_sessions (operator_id);
CREATE INDEX operator_sessions_by_expiry ON operator_sessions (expires_at);

-- The operator who acts in the person's place, and the account in which. No key to the operators: the history outlives
-- them.
ALTER TABLE sessions ADD COLUMN operator_id TEXT;
ALTER TABLE sessions ADD COLUMN account_id TEXT CHECK (account_id IS NULL OR operator_id IS NOT NULL);
CREATE INDEX sessions_by_operator ON sessions (operator_id) WHERE operator_id IS NOT NULL;

CREATE INDEX accounts_by_status ON accounts (status, sort_key, id);
CREATE INDEX audit_events_by_time ON audit_events (at, id);
CREATE INDEX audit_events_by_kind ON audit_events (kind, at, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_events_on_behalf ON audit_events (on_behalf_of, at, id) WHERE on_behalf_of IS NOT NULL;
