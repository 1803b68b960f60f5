DROP TRIGGER audit_values_remain;
CREATE TRIGGER audit_values_remain BEFORE DELETE ON audit_values
BEGIN
    SELECT RAISE(ABORT, 'audit values are never removed');
END;
DROP TRIGGER audit_events_remain;
CREATE TRIGGER audit_events_remain BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never removed');
END;
DROP TABLE audit_trimmed;
DROP TABLE audit_horizon;
