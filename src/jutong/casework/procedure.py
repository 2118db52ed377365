"""What a kind of case is made of: states that may run a clock, and moves that say who, from, to and what is needed.

A state names the side on whose desk the case lies and the limit (``stage`` of ``time_limit``) that runs while it
lies there.  The clock's life follows from the states alone: entering a state with a stage starts it, moving on
within the same stage keeps it, leaving the stage meets it, and ``paused`` states stop its count.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Need:
    """Something a move cannot be made without; ``least``: characters of a text, members of a list."""

    name: str
    label: str
    kind: str = "text"  # text, list, flag, integer
    least: int = 1

    def missing(self, given: object) -> str:
        """What is wrong with what was given, or an empty string."""
        if self.kind == "flag":
            return "" if given is True else f"请确认「{self.label}」"
        if self.kind == "integer":
            right = isinstance(given, int) and not isinstance(given, bool) and given >= self.least
            return "" if right else f"「{self.label}」应是不小于 {self.least} 的整数"
        if self.kind == "list":
            right = isinstance(given, list | tuple) and len(given) >= self.least
            return "" if right else f"「{self.label}」至少写 {self.least} 条"
        length = len(str(given or "").strip())
        if length >= self.least:
            return ""
        if not length:
            return f"请填写「{self.label}」"
        return f"「{self.label}」现在只有 {length} 个字，至少 {self.least} 个字"


@dataclass(frozen=True)
class State:
    name: str
    label: str
    #: The side that must act next; None: the case is closed.
    desk: str | None = None
    #: The limit that runs while the case is here.
    stage: str = ""
    #: The limit stands still here (材料补正), if its rule says so.
    paused: bool = False


@dataclass(frozen=True)
class Move:
    name: str
    label: str
    from_states: tuple[str, ...]
    to: str
    #: The side whose department may make it, and the roles that may there.
    side: str
    roles: frozenset[str]
    needs: tuple[Need, ...] = ()
    #: At most once in the life of a case (第21条: 一次性告知).
    once: bool = False
    #: The running limit lost its object rather than being met: withdrawn, sent back.
    stops: bool = False
    #: Something that happens with it in the same transaction; see ``moves.EFFECTS``.
    effect: str = ""
    #: Whether a page shows it as the main answer, a plain one, or one that hurts.
    tone: str = "plain"  # main, plain, grave


@dataclass(frozen=True)
class Kind:
    name: str
    label: str
    #: Of its numbers: SQ-2026-0412.
    prefix: str
    #: The sides a case must name when it opens; ``steward`` is always there.
    sides: tuple[str, ...]
    #: The first is where a case opens unless the opener says otherwise.
    states: tuple[State, ...]
    moves: tuple[Move, ...]
    #: The room whose own rows move along: only that room's door may move such a case.
    room: str = ""
    _states: dict[str, State] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_states", {state.name: state for state in self.states})

    def state(self, name: str) -> State:
        return self._states[name]

    def moves_from(self, state: str) -> tuple[Move, ...]:
        return tuple(move for move in self.moves if state in move.from_states)

    def move(self, name: str) -> Move | None:
        return next((move for move in self.moves if move.name == name), None)
