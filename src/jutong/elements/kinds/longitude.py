"""经度 in degrees (GB/T 16831); degrees, minutes and seconds are written as decimals."""

from __future__ import annotations

from jutong.elements.degrees import coordinate

ELEMENT = coordinate("longitude", "经度", lowest=73, highest=136, most=180, example="111.46", outside="136.9")
