-- Whether mail to an address arrives, as the mailer reports it; nothing where nothing was reported.

ALTER TABLE contact_addresses ADD COLUMN deliverability TEXT
    CHECK (deliverability IN ('ok', 'bounced', 'complained'));
ALTER TABLE users ADD COLUMN deliverability TEXT
    CHECK (deliverability IN ('ok', 'bounced', 'complained'));
