DROP TRIGGER audit_values_go_in_time ON audit_values;
CREATE TRIGGER audit_values_stay BEFORE DELETE ON audit_values
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
DROP TRIGGER audit_events_go_in_time ON audit_events;
DROP TRIGGER audit_events_stay ON audit_events;
CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
DROP FUNCTION refuse_early_removal_of_values();
DROP FUNCTION refuse_early_removal();
DROP TABLE audit_trimmed;
DROP TABLE audit_horizon;
DROP FUNCTION refuse_nearer_horizon();
