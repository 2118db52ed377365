"""A third corpus of hostile files: what transport, old programs and ill will make of a table, each written by hand."""
