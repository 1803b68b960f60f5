-- Audit events may go once they are older than the provider wants to keep them, and not before. The horizon is the moment
-- before which they may go: there is one, it only ever moves on, and it stays 30 days behind the server's clock, so that
-- nobody removes a trace of what was just done.

CREATE TABLE audit_horizon (
    log TEXT COLLATE "C" NOT NULL,
    moment TIMESTAMP NOT NULL,
    PRIMARY KEY (log),
    CHECK (log = 'all')
);
INSERT INTO audit_horizon (log, moment) VALUES ('all', '1970-01-01 00:00:00');

CREATE TRIGGER audit_horizon_is_one BEFORE INSERT OR DELETE OR TRUNCATE ON audit_horizon
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_nearer_horizon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.moment < old.moment OR new.moment > (now() AT TIME ZONE 'UTC') - INTERVAL '30 days' THEN
        RAISE EXCEPTION 'the audit horizon never moves back, nor nearer than 30 days';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER audit_horizon_moves_on BEFORE UPDATE ON audit_horizon
    FOR EACH ROW EXECUTE FUNCTION refuse_nearer_horizon();

-- Up to which revision the events of an account or of a user are gone.
CREATE TABLE audit_trimmed (
    log_id TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (log_id),
    CHECK (length(log_id) > 0 AND revision > 0)
);

CREATE FUNCTION refuse_early_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_horizon h WHERE old.at < h.moment) THEN
        RAISE EXCEPTION 'audit events are never removed before their time';
    END IF;
    RETURN old;
END
$$;

DROP TRIGGER audit_events_stay ON audit_events;
CREATE TRIGGER audit_events_stay BEFORE UPDATE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_events_go_in_time BEFORE DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION refuse_early_removal();

CREATE FUNCTION refuse_early_removal_of_values() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM audit_events e JOIN audit_horizon h ON e.at < h.moment WHERE e.id = old.event_id
    ) THEN
        RAISE EXCEPTION 'audit values are never removed before their time';
    END IF;
    RETURN old;
END
$$;

DROP TRIGGER audit_values_stay ON audit_values;
CREATE TRIGGER audit_values_go_in_time BEFORE DELETE ON audit_values
    FOR EACH ROW EXECUTE FUNCTION refuse_early_removal_of_values();
