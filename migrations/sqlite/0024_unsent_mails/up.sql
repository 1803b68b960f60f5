-- Operators look at what was not sent, the latest first. However many mails were sent, none of them is read for it.

CREATE INDEX mails_unsent ON mails (id) WHERE sent_at IS NULL AND withdrawn IS NULL;
