-- What an answer stood on beside its own grant: asked for by grant, of the few exchanges that have it.
CREATE INDEX exchange_also ON exchange USING gin ((detail -> 'also') jsonb_path_ops) WHERE detail ? 'also';

-- Large files are made by the worker: queued, taken up again after a crash, given up after three.
ALTER TABLE extract DROP CONSTRAINT extract_state_check;
ALTER TABLE extract ADD CONSTRAINT extract_state_check CHECK (state IN (
    'queued', 'making', 'failed', 'ready', 'leaving', 'taken', 'cut', 'expired', 'withdrawn'));
ALTER TABLE extract ADD COLUMN hours integer CHECK (hours > 0);
ALTER TABLE extract ADD COLUMN secret text;
ALTER TABLE extract ADD COLUMN tries integer NOT NULL DEFAULT 0;
ALTER TABLE extract ADD COLUMN started_at timestamptz;
COMMENT ON COLUMN extract.state IS 'queued → making → ready → leaving → taken or cut (broke off: a new link may be had); failed, expired, withdrawn end it';
COMMENT ON COLUMN extract.hours IS 'left to the worker: how long the link is good from when the file is ready; NULL: made at once';
COMMENT ON COLUMN extract.secret IS 'sealed: the zip''s password, until the worker has used it';
COMMENT ON COLUMN extract.tries IS 'how often a worker has begun; three times in vain is failed';
COMMENT ON COLUMN extract.started_at IS 'when the worker last began';
CREATE INDEX extract_waiting ON extract (created_at) WHERE state IN ('queued', 'making') AND hours IS NOT NULL;
