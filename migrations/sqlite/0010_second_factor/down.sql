ALTER TABLE accounts DROP COLUMN second_factor_required;
DROP TABLE second_factor_challenges;
DROP TABLE second_factors;
