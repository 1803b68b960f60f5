DROP INDEX audit_values_by_invited;
DROP INDEX audit_events_by_subject;
