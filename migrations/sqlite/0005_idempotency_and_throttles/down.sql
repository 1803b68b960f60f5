DROP TABLE throttles;
DROP TABLE idempotency_keys;
