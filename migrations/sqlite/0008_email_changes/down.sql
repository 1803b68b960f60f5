DROP TABLE email_changes;
ALTER TABLE sessions DROP COLUMN authenticated_at;
