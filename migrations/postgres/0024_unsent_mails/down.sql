DROP INDEX mails_unsent;
