-- What was changed, by whom, and on what. Events stay as they were written; the personal values
-- beside them can be emptied.

-- A row belongs to an account or to a user. No key to the users: the history outlives them.
CREATE TABLE audit_events (
    id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C",
    user_id TEXT COLLATE "C",
    revision BIGINT NOT NULL,
    position INTEGER NOT NULL,
    at TIMESTAMP NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_id TEXT COLLATE "C",
    on_behalf_of TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL,
    subject_kind TEXT COLLATE "C" NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    data TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C",
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(actor_kind) > 0 AND length(kind) > 0
        AND length(subject_kind) > 0),
    CHECK (account_id IS NULL OR user_id IS NULL),
    CHECK (revision >= 0 AND position >= 0),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
);
CREATE UNIQUE INDEX audit_events_by_account ON audit_events (account_id, revision DESC, position);
CREATE UNIQUE INDEX audit_events_by_user ON audit_events (user_id, revision DESC, position)
    WHERE user_id IS NOT NULL;

CREATE TABLE audit_values (
    event_id TEXT COLLATE "C" NOT NULL,
    position INTEGER NOT NULL,
    person_kind TEXT COLLATE "C" NOT NULL,
    person_id TEXT COLLATE "C" NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    before TEXT COLLATE "C",
    after TEXT COLLATE "C",
    PRIMARY KEY (event_id, position),
    CHECK (position >= 0),
    CHECK (length(person_kind) > 0 AND length(person_id) > 0 AND length(field) > 0),
    FOREIGN KEY (event_id) REFERENCES audit_events (id)
);
CREATE INDEX audit_values_by_person ON audit_values (person_kind, person_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed or removed', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_events_remain BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_values_are_only_emptied BEFORE UPDATE ON audit_values
    FOR EACH ROW
    WHEN (
        new.before IS NOT NULL
        OR new.after IS NOT NULL
        OR new.event_id <> old.event_id
        OR new.position <> old.position
        OR new.person_kind <> old.person_kind
        OR new.person_id <> old.person_id
        OR new.field <> old.field
    )
    EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_values_stay BEFORE DELETE ON audit_values
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_values_remain BEFORE TRUNCATE ON audit_values
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
