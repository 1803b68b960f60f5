DROP TABLE account_reviews;
