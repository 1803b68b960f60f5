-- Events are found by what they happened to: for a person's own copy of everything, where somebody is erased, and by
-- operators.

CREATE INDEX audit_events_by_subject ON audit_events (subject_id, at, id);

-- The log tells of invitations longer than they are remembered, and whom they were for goes with the person.

CREATE INDEX audit_values_by_invited ON audit_values (person_kind, field, lower(after))
    WHERE person_kind = 'invitation' AND field = 'address';

-- A row that is put in the place of another one takes that away, and no trigger on deleting is asked (INSERT OR REPLACE).
-- A row has three places: its key, where it stands in its log, and its number in the file, which is negative as long as
-- none is given.

CREATE TRIGGER audit_events_are_not_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events e WHERE e.id = new.id)
    OR EXISTS (SELECT 1 FROM audit_events e WHERE e.rowid = new.rowid AND e.rowid > 0)
    OR EXISTS (
        SELECT 1 FROM audit_events e
        WHERE e.account_id = new.account_id AND e.revision = new.revision AND e.position = new.position
    )
    OR EXISTS (
        SELECT 1 FROM audit_events e
        WHERE e.user_id = new.user_id AND e.revision = new.revision AND e.position = new.position
    )
BEGIN
    SELECT RAISE(ABORT, 'audit events are never replaced');
END;

CREATE TRIGGER audit_values_are_not_replaced BEFORE INSERT ON audit_values
WHEN EXISTS (SELECT 1 FROM audit_values v WHERE v.event_id = new.event_id AND v.position = new.position)
    OR EXISTS (SELECT 1 FROM audit_values v WHERE v.rowid = new.rowid AND v.rowid > 0)
BEGIN
    SELECT RAISE(ABORT, 'audit values are never replaced');
END;

CREATE TRIGGER audit_values_stay_in_place BEFORE UPDATE ON audit_values
WHEN new.rowid <> old.rowid
BEGIN
    SELECT RAISE(ABORT, 'audit values are never moved');
END;
