-- A service may answer as of past days, as far back as its provider lets it.

ALTER TABLE service ADD COLUMN past_days integer CHECK (past_days BETWEEN 1 AND 3660);
COMMENT ON COLUMN service.past_days IS 'query: so many days back a caller may ask as of; NULL: today''s rows only';
