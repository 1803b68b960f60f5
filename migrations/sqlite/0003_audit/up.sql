-- What was changed, by whom, and on what. Events stay as they were written; the personal values
-- beside them can be emptied.

-- A row belongs to an account or to a user. No key to the users: the history outlives them.
CREATE TABLE audit_events (
    id TEXT NOT NULL,
    account_id TEXT,
    user_id TEXT,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    at TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    on_behalf_of TEXT,
    kind TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    data TEXT NOT NULL,
    request_id TEXT,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(actor_kind) > 0 AND length(kind) > 0
        AND length(subject_kind) > 0),
    CHECK (account_id IS NULL OR user_id IS NULL),
    CHECK (revision >= 0 AND position >= 0),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
) STRICT;
CREATE UNIQUE INDEX audit_events_by_account ON audit_events (account_id, revision DESC, position);
CREATE UNIQUE INDEX audit_events_by_user ON audit_events (user_id, revision DESC, position)
    WHERE user_id IS NOT NULL;

CREATE TABLE audit_values (
    event_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    person_kind TEXT NOT NULL,
    person_id TEXT NOT NULL,
    field TEXT NOT NULL,
    before TEXT,
    after TEXT,
    PRIMARY KEY (event_id, position),
    CHECK (position >= 0),
    CHECK (length(person_kind) > 0 AND length(person_id) > 0 AND length(field) > 0),
    FOREIGN KEY (event_id) REFERENCES audit_events (id)
) STRICT;
CREATE INDEX audit_values_by_person ON audit_values (person_kind, person_id);

CREATE TRIGGER audit_events_stay BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never changed');
END;

CREATE TRIGGER audit_events_remain BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never removed');
END;

CREATE TRIGGER audit_values_are_only_emptied BEFORE UPDATE ON audit_values
WHEN new.before IS NOT NULL
    OR new.after IS NOT NULL
    OR new.event_id <> old.event_id
    OR new.position <> old.position
    OR new.person_kind <> old.person_kind
    OR new.person_id <> old.person_id
    OR new.field <> old.field
BEGIN
    SELECT RAISE(ABORT, 'audit values are only ever emptied');
END;

CREATE TRIGGER audit_values_remain BEFORE DELETE ON audit_values
BEGIN
    SELECT RAISE(ABORT, 'audit values are never removed');
END;
