-- Operators look at what was not sent, the latest first. However many mails were sent, none of them is read for it.

CREATE INDEX mails_unsent ON mails (id) WHERE sent_at IS NULL AND withdrawn IS NULL;

-- And with a person go the notices to it, to whatever address.

CREATE INDEX mails_by_user ON mails (user_id) WHERE user_id IS NOT NULL;
