"""Chinese first, English complete: whatever a template says stands in an ``english.toml``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markupsafe import Markup

import jutong
from jutong.casework import KINDS
from jutong.oversee import FIGURES
from jutong.people import EVENT_LABELS, ROLES
from jutong.portal.language import Say, read_english
from jutong.portal.pages.cases.views import SIDES
from jutong.portal.rendering import FOLDER

ENGLISH = read_english(FOLDER)
TEMPLATES = sorted([*FOLDER.glob("ui/*.html"), *FOLDER.glob("pages/*/*.html")])
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"|' + r"'((?:[^'\\]|\\.)*)'")
#: Written between things, in every language.
NEUTRAL = {"　"}


def source(template: Path) -> str:
    return re.sub(r"\{#.*?#\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)


def sentences(template: Path) -> Iterator[str]:
    for expression in EXPRESSION.findall(source(template)):
        for one, other in LITERAL.findall(expression):
            if CHINESE.search(one or other):
                yield one or other


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_sentence_of_a_template_has_its_english(template: Path) -> None:
    missing = [sentence for sentence in sentences(template) if sentence not in ENGLISH]
    assert missing == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_template_says_nothing_past_its_language(template: Path) -> None:
    plain = EXPRESSION.sub(" ", source(template))
    for neutral in NEUTRAL:
        plain = plain.replace(neutral, " ")
    assert CHINESE.findall(plain) == []


def told() -> Iterator[str]:
    """Sentences that code says through ``visit.tell``."""
    for file in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name == "tell":
                    yield str(node.args[0].value)


def test_what_code_says_has_its_english() -> None:
    assert [sentence for sentence in told() if sentence not in ENGLISH] == []


def test_what_the_rooms_call_their_things_has_its_english() -> None:
    words = [labels[0] for labels in ROLES.values()] + list(EVENT_LABELS.values())
    for kind in KINDS.values():
        words += [SIDES[side] for side in kind.sides]
        words += [kind.label, *(state.label for state in kind.states), *(move.label for move in kind.moves)]
    words += [figure.definition for figure in FIGURES]
    assert [word for word in words if word not in ENGLISH] == []


def test_a_translation_keeps_the_values_of_its_sentence() -> None:
    def names(text: str) -> list[str]:
        return sorted(re.findall(r"\{(\w+)\}", text))

    assert {zh: en for zh, en in ENGLISH.items() if names(zh) != names(en)} == {}


def test_no_translation_is_left_over() -> None:
    """A key that nothing says any more is a sentence somebody changed in one place only."""
    package = Path(jutong.__file__).parent
    files = [file for kind in ("*.py", "*.html", "*.sql") for file in package.rglob(kind)]
    everything = "\n".join(file.read_text(encoding="utf-8") for file in files)
    days = {f"星期{day}" for day in "一二三四五六日"}
    # A step that is done drops its 「待」.
    assert [
        key for key in ENGLISH if key not in everything and key not in days and f"待{key}" not in everything
    ] == []


def test_values_are_escaped_and_sentences_are_not() -> None:
    say = Say("zh", {"<b>{n}</b> 件": "<b>{n}</b> cases"})
    assert say("<b>{n}</b> 件", n="<i>") == Markup("<b>&lt;i&gt;</b> 件")
    assert Say("en", {"<b>{n}</b> 件": "<b>{n}</b> cases"})("<b>{n}</b> 件", n=3) == Markup("<b>3</b> cases")


def test_a_value_from_a_row_is_no_sentence() -> None:
    assert say_row("<script>") == Markup("&lt;script&gt;")
    assert Say("en", {}).plain("{name} & {name}", name="<x>") == "<x> & <x>"


def say_row(value: str) -> Markup:
    return Say("en", {"其他": "other"})(value)
