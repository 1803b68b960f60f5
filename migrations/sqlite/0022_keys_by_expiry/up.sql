-- Keys past their time are cleared away again and again, the oldest first. With an index each step finds them without
-- reading all keys; one that never ends is not in it.

CREATE INDEX api_keys_by_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX integration_keys_by_expiry ON integration_keys (expires_at) WHERE expires_at IS NOT NULL;
