"""A second corpus of hostile files, drawn by chance from a seed: what departments' programs and clerks do to a table.

It shares nothing with ``tests.outside.hostile`` but the shape of a case.
"""
