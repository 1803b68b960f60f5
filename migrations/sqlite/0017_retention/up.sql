-- Audit events may go once they are older than the provider wants to keep them, and not before. The horizon is the moment
-- before which they may go: there is one, it only ever moves on, and it stays 30 days behind this machine's clock, so that
-- nobody removes a trace of what was just done.

CREATE TABLE audit_horizon (
    log TEXT NOT NULL,
    moment TEXT NOT NULL,
    PRIMARY KEY (log),
    CHECK (log = 'all')
) STRICT;
INSERT INTO audit_horizon (log, moment) VALUES ('all', '1970-01-01 00:00:00');

CREATE TRIGGER audit_horizon_is_one BEFORE INSERT ON audit_horizon
BEGIN
    SELECT RAISE(ABORT, 'there is never another audit horizon');
END;

CREATE TRIGGER audit_horizon_remains BEFORE DELETE ON audit_horizon
BEGIN
    SELECT RAISE(ABORT, 'the audit horizon is never removed');
END;

CREATE TRIGGER audit_horizon_moves_on BEFORE UPDATE ON audit_horizon
WHEN new.moment < old.moment
    OR new.moment > strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 days')
BEGIN
    SELECT RAISE(ABORT, 'the audit horizon never moves back, nor nearer than 30 days');
END;

-- Up to which revision the events of an account or of a user are gone.
CREATE TABLE audit_trimmed (
    log_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (log_id),
    CHECK (length(log_id) > 0 AND revision > 0)
) STRICT;

DROP TRIGGER audit_events_remain;
CREATE TRIGGER audit_events_remain BEFORE DELETE ON audit_events
WHEN NOT EXISTS (SELECT 1 FROM audit_horizon h WHERE old.at < h.moment)
BEGIN
    SELECT RAISE(ABORT, 'audit events are never removed before their time');
END;

DROP TRIGGER audit_values_remain;
CREATE TRIGGER audit_values_remain BEFORE DELETE ON audit_values
WHEN NOT EXISTS (
    SELECT 1 FROM audit_events e JOIN audit_horizon h ON e.at < h.moment WHERE e.id = old.event_id
)
BEGIN
    SELECT RAISE(ABORT, 'audit values are never removed before their time');
END;
