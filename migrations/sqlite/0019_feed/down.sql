DROP TRIGGER feed_events;
DROP TABLE feed;
