-- gather: change capture from servers that keep no slot for us.

ALTER TABLE capture ADD COLUMN mark text NOT NULL DEFAULT '';
COMMENT ON TABLE capture IS '变更捕获: where a source''s log has been read to, one place for all its captured tables';
COMMENT ON COLUMN capture.slot IS 'the replication slot; a server of the MySQL family has none, there it only names this beginning';
COMMENT ON COLUMN capture.position IS 'how far the log is done with: an LSN, or a binary log''s number and offset; noted before a slot is moved';
COMMENT ON COLUMN capture.mark IS 'what proves that a binary log''s position still means the same place: server, birth of the file, GTID';
COMMENT ON COLUMN capture.behind IS 'bytes of log from there to its end, when it was last looked at; a slot keeps them on the source''s disk';
