"""Text as people search and sort it."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from jutong.words import bigrams, folded, initials, pinyin, sort_key, terms, words


def test_width_case_variants_and_blanks_fold_together() -> None:
    assert folded("湖南ＡＢＣ　 科技（集團）") == "湖南abc 科技(集团)"
    assert folded("買買提•艾力") == "买买提·艾力"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_a_word_inside_a_longer_one_is_found() -> None:
    """datahub #8613: 维修 must hit, and so must 维修信息."""
    indexed = set(terms("机动车维修信息经营备案"))
    assert set(terms("维修")) <= indexed
    assert set(terms("维修信息")) <= indexed
    assert "机动车" in indexed


def test_words_and_bigrams_leave_punctuation_out() -> None:
    assert words("邵阳市《法人》数据-2023") == ["邵阳", "邵阳市", "法人", "数据", "2023"]
    assert bigrams("邵阳市，县 ABC") == ["邵阳", "阳市", "县", "abc"]
    assert terms("、。 ") == []


def test_pinyin_and_initials() -> None:
    assert pinyin("邵阳市 ABC") == "shao yang shi abc"
    assert pinyin("重庆银行") == "chong qing yin hang"
    assert initials("重庆银行") == "cqyh"
    assert initials("法人库2023") == "frk2023"


def test_a_list_sorts_as_in_the_dictionary() -> None:
    assert sorted(["张", "章", "阿", "邵阳县", "邵阳", "绥宁"], key=sort_key) == [
        "阿", "邵阳", "邵阳县", "绥宁", "张", "章",
    ]  # fmt: skip


def test_loading_is_lazy_and_says_nothing() -> None:
    script = (
        "import sys; import jutong.words as w; assert 'jieba' not in sys.modules and 'pypinyin' not in sys.modules; "
        "assert w.words('邵阳市') and w.pinyin('邵')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
