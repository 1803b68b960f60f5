-- Reviews of accounts that were done: by whom, when, what stood then. They are a history, so no key leads to contacts or
-- users. The note is its writer's, and goes when the writer's contact is erased.

CREATE TABLE account_reviews (
    id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    reviewed_at TIMESTAMP NOT NULL,
    due_at TIMESTAMP NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_id TEXT COLLATE "C",
    on_behalf_of TEXT COLLATE "C",
    contact_id TEXT COLLATE "C",
    findings TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C",
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(actor_kind) > 0 AND length(findings) > 0),
    CHECK (note IS NULL OR length(note) > 0),
    CHECK (reviewed_at < due_at),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
);
CREATE INDEX account_reviews_by_account ON account_reviews (account_id, id);
