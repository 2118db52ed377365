"""Two who press at once: committed for real, so in a database of its own."""

from __future__ import annotations

import threading

from jutong.casework import history, open_case
from jutong.database import Database
from jutong.terms import Conflict

from .conftest import make_cast, move

REFUSAL = "这些数据与所述用途没有关系，依第20条不予同意"


def test_two_who_press_at_once_get_one_success_and_one_conflict(database: Database) -> None:
    with database.connection() as conn:
        cast = make_cast(conn)
        case_id = open_case(conn, "share_request", title="企业登记基本信息", department_code="D25",
                            opened_by=cast.asker, sides={"provider": "D23"}, share_type=2)  # fmt: skip
        move(conn, case_id, "consent", cast.asker_head)
    answers: list[str] = []
    both = threading.Barrier(2)

    def press(name: str, note: str) -> None:
        with database.connect() as own:
            both.wait()
            try:
                move(own, case_id, name, cast.head, note)
                own.commit()
                answers.append(name)
            except Conflict as refused:
                answers.append(refused.code)

    pressing = [threading.Thread(target=press, args=pair) for pair in (("approve", ""), ("refuse", REFUSAL))]
    for thread in pressing:
        thread.start()
    for thread in pressing:
        thread.join()
    assert "casework.moved_on" in answers
    assert len(set(answers) & {"approve", "refuse"}) == 1
    with database.connection() as conn:
        assert len(history(conn, case_id)) == 3
