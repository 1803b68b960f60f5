-- Reviews of accounts that were done: by whom, when, what stood then. They are a history, so no key leads to contacts or
-- users. The note is its writer's, and goes when the writer's contact is erased.

CREATE TABLE account_reviews (
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    reviewed_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    on_behalf_of TEXT,
    contact_id TEXT,
    findings TEXT NOT NULL,
    note TEXT,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(actor_kind) > 0 AND length(findings) > 0),
    CHECK (note IS NULL OR length(note) > 0),
    CHECK (reviewed_at < due_at),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
) STRICT;
CREATE INDEX account_reviews_by_account ON account_reviews (account_id, id);
