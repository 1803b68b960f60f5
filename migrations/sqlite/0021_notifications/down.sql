DROP INDEX mails_by_notification;
ALTER TABLE mails DROP COLUMN withdrawn;
ALTER TABLE mails DROP COLUMN grounds;
ALTER TABLE mails DROP COLUMN part;
ALTER TABLE mails DROP COLUMN user_id;
ALTER TABLE mails DROP COLUMN notification_id;
DROP TABLE notifications;
