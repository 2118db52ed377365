"""The corpus of hostile files, made anew for every run; each knows what must come of it."""
