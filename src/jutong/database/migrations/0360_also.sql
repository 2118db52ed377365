-- What an answer stood on beside its own grant: asked for by grant and by entry, of the few exchanges that have it.
CREATE INDEX exchange_also ON exchange USING gin ((detail -> 'also') jsonb_path_ops) WHERE detail ? 'also';
