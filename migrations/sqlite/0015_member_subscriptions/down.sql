DROP TABLE member_subscriptions;
