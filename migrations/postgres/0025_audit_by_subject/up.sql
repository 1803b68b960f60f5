-- Events are found by what they happened to: for a person's own copy of everything, where somebody is erased, and by
-- operators.

CREATE INDEX audit_events_by_subject ON audit_events (subject_id, at, id);

-- The log tells of invitations longer than they are remembered, and whom they were for goes with the person.

CREATE INDEX audit_values_by_invited ON audit_values (person_kind, field, lower(after))
    WHERE person_kind = 'invitation' AND field = 'address';
