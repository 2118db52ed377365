from __future__ import annotations


def test_the_door_shows_itself(visitor):
    answer = visitor.get("/sign-in")
    assert answer.status_code == 200
    print(answer.text[:3000])
    assert "一个城市的数据" in answer.text


def test_a_person_signs_in(visitor):
    a = visitor.sign_in("steward")
    assert a.status_code == 303, a.text
    assert visitor.get("/me").status_code == 200


def test_the_desk(signed_in):
    for who in ("steward", "auditor", "stranger"):
        a = signed_in(who).get("/")
        assert a.status_code == 200, a.text
        for p in ("/cases", "/notices", "/me", "/cases?show=open", "/nowhere"):
            a = signed_in(who).get(p)
            assert a.status_code in (200, 404, 403), (p, a.text)
