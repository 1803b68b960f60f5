ALTER TABLE users DROP COLUMN deliverability;
ALTER TABLE contact_addresses DROP COLUMN deliverability;
