DROP INDEX mails_by_user;
DROP INDEX mails_unsent;
