-- What members wish to be told at the address of their log-in. The index is for the comparison of the catalog with what is
-- stored, as that of contacts is.

CREATE TABLE member_subscriptions (
    account_id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, user_id, category),
    CHECK (length(category) > 0),
    FOREIGN KEY (account_id, user_id) REFERENCES memberships (account_id, user_id)
);
CREATE INDEX member_subscriptions_by_category ON member_subscriptions (category);
