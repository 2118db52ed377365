-- ledger: what the control database remembers of the ledger's files, so that cutting them back shows.

CREATE TABLE ledger_head (
    origin     text PRIMARY KEY,
    size       bigint NOT NULL CHECK (size >= 0),
    root       text NOT NULL,
    checkpoint text NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ledger_head IS '账本头：the newest checkpoint of each log origin (one per host), kept here every 5 s; a log shorter than this was cut back';
COMMENT ON COLUMN ledger_head.root IS 'RFC 6962 root hash (SHA-256) of the first size entries, base64';
COMMENT ON COLUMN ledger_head.checkpoint IS 'the whole C2SP signed note, so that it proves itself';

CREATE TABLE stream_head (
    origin   text NOT NULL,
    stream   text NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    leaf     text NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (origin, stream)
);
COMMENT ON TABLE stream_head IS '流头：the last durable record of each stream not yet wholly merged, kept every 5 s; forgotten once the kept checkpoint covers it';
COMMENT ON COLUMN stream_head.sequence IS 'sequence of the stream''s last durable record';
COMMENT ON COLUMN stream_head.leaf IS 'RFC 6962 leaf hash of that record, hex: it must be in the stream or in the log for ever';
