DROP TABLE contact_verifications;
DROP TABLE password_resets;
DROP TABLE sign_ups;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
