-- Notices to the categories of accounts. Each recipient's mail is a row of the outbox, which says for which notice it is,
-- whose it is, why, and whether it was withdrawn before it was sent.

CREATE TABLE notifications (
    id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    opened_by TEXT COLLATE "C",
    integration_id TEXT COLLATE "C",
    content TEXT COLLATE "C",
    step TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(category) > 0 AND length(step) > 0),
    CHECK (kind IN ('notice', 'test')),
    CHECK ((kind = 'notice') = (integration_id IS NOT NULL)),
    CHECK ((kind = 'notice') = (content IS NOT NULL)),
    CHECK (revision >= 1),
    FOREIGN KEY (account_id) REFERENCES accounts (id),
    FOREIGN KEY (integration_id) REFERENCES integrations (id)
);
CREATE INDEX notifications_by_account ON notifications (account_id, id);
CREATE INDEX notifications_by_integration ON notifications (integration_id, id) WHERE integration_id IS NOT NULL;
CREATE INDEX notifications_by_age ON notifications (created_at);

ALTER TABLE mails ADD COLUMN notification_id TEXT COLLATE "C";
ALTER TABLE mails ADD COLUMN user_id TEXT COLLATE "C";
ALTER TABLE mails ADD COLUMN part TEXT COLLATE "C" CHECK (part IN ('to', 'cc'));
ALTER TABLE mails ADD COLUMN grounds TEXT COLLATE "C";
ALTER TABLE mails ADD COLUMN withdrawn TEXT COLLATE "C";
CREATE INDEX mails_by_notification ON mails (notification_id, id) WHERE notification_id IS NOT NULL;
