DROP TRIGGER feed_events ON audit_events;
DROP FUNCTION feed_events();
DROP TABLE feed;
