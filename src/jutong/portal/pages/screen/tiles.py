"""Where the county-level units of Shaoyang lie: a map of equal squares, the river between them.

Rows and columns by division code (GB/T 2260; the development zone has an internal one).  A unit nobody has
placed gets the next free square, so another city's map is plain but whole.
"""

from __future__ import annotations

from collections.abc import Iterable

#: division code → (column, row)
PLACES = {
    "430522": (3, 0),
    "430525": (1, 1),
    "430524": (2, 1),
    "430511": (3, 1),
    "430502": (4, 1),
    "430582": (5, 1),
    "430527": (0, 2),
    "430581": (1, 2),
    "430523": (2, 2),
    "430503": (3, 2),
    "430529": (1, 3),
    "430528": (2, 3),
}
#: Beside 新邵县, across the river.
_ZONE = (4, 0)
_STEP = 95


def places(divisions: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Each division's code → the square's left and top in the picture's own units."""
    taken: dict[str, tuple[int, int]] = {}
    rest = []
    for code in divisions:
        if code in PLACES:
            taken[code] = PLACES[code]
        else:
            rest.append(code)
    free = iter(
        [_ZONE, (0, 0), (1, 0), (2, 0), (5, 0), (0, 1), (4, 2), (5, 2), (0, 3), (3, 3), (4, 3), (5, 3)]
    )
    for code in rest:
        taken[code] = next((place for place in free if place not in taken.values()), (5, 3))
    return {code: (column * _STEP, 14 + row * _STEP) for code, (column, row) in taken.items()}
