"""Benches: product, limit and peers measured in one run, alternating (design §9)."""
