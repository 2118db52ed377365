"""纬度 in degrees (GB/T 16831); degrees, minutes and seconds are written as decimals."""

from __future__ import annotations

from jutong.elements.degrees import coordinate

ELEMENT = coordinate("latitude", "纬度", lowest=3, highest=54, most=90, example="27.24", outside="54.9")
