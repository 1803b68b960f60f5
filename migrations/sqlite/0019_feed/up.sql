-- The order in which events are told to other systems. A row is written with its event, by whichever version writes it, and
-- gets its number afterwards, one transaction at a time: so no reader who has seen a number will find a smaller one later.
-- Events of one account arrive in the order of its decisions, whatever the clocks of the instances say.

CREATE TABLE feed (
    arrival INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    sequence INTEGER,
    PRIMARY KEY (arrival),
    UNIQUE (event_id),
    UNIQUE (sequence),
    CHECK (sequence >= 1),
    FOREIGN KEY (event_id) REFERENCES audit_events (id)
) STRICT;
CREATE INDEX feed_unnumbered ON feed (arrival) WHERE sequence IS NULL;

-- What the provider does with its own operators and integrations is told to nobody.
CREATE TRIGGER feed_events AFTER INSERT ON audit_events
WHEN new.account_id IS NOT NULL OR new.user_id IS NOT NULL
BEGIN
    INSERT INTO feed (event_id) VALUES (new.id);
END;

INSERT INTO feed (event_id)
SELECT id FROM audit_events WHERE account_id IS NOT NULL OR user_id IS NOT NULL ORDER BY at, id;
