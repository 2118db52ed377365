"""One element per file; a new file here is a new element."""
