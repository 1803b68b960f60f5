DROP TABLE integration_keys;
DROP TABLE integrations;
