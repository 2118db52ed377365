"""From a value to a page: one Jinja environment, autoescaped, with everything a template may call in one list."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from starlette.responses import HTMLResponse

from jutong.portal import drawing, saying
from jutong.portal.assets import Assets
from jutong.portal.language import Say, read_english

if TYPE_CHECKING:
    from jutong.portal.frame import Frame
    from jutong.portal.visits import Visit

FOLDER = Path(__file__).parent


class Renderer:
    """Templates, their language and their assets, loaded once."""

    def __init__(self) -> None:
        self.assets = Assets()
        self.english = read_english(FOLDER)
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.globals.update(
            asset=self.assets.url,
            num=saying.number,
            percent=saying.percent,
            size=saying.size,
            stamp=saying.stamp,
            iso_day=saying.iso_day,
            clock_time=saying.clock_time,
            last_day=saying.last_day,
            groups=saying.groups,
            bars=drawing.bars,
            shares=drawing.shares,
            strip=drawing.strip,
            merkle=drawing.merkle,
            flow_picture=drawing.flow_picture,
            polyline=drawing.polyline,
            confluence=drawing.confluence,
        )

    def speaker(self, language: str) -> Say:
        return Say(language, self.english)

    def page(self, template: str, visit: Visit, frame: Frame, value: Any, status: int = 200) -> HTMLResponse:
        """One value as HTML: the template sees it as ``page``, the frame around it as ``frame``."""
        chinese = visit.chinese
        said = {
            "_": visit.say,
            # Chinese sentences follow one another without a space.
            "sp": "" if chinese else " ",
            "large": functools.partial(saying.large, chinese=chinese),
            "day": functools.partial(saying.day, today=visit.today, chinese=chinese),
            "full_day": functools.partial(saying.day, today=None, chinese=chinese),
            "moment": functools.partial(saying.moment, today=visit.today, chinese=chinese),
            # Counting words (个, 条, 张) have no English: 45 departments.
            "unit": lambda word: word if chinese or word.isascii() else "",
            "weekday": lambda date: visit.say(saying.weekday(date)),
            "statement_time": functools.partial(saying.statement_time, chinese=chinese),
        }
        html = self._jinja.get_template(template).render(page=value, frame=frame, visit=visit, **said)
        return HTMLResponse(html, status)
