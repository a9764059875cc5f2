"""Sessions: derived, checked, never the token itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wellkept.web.forms import local
from wellkept.web.session import form_token, is_own_form, is_token, is_valid, session_value


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_session_is_valid_for_its_own_token_alone(token: str, other: str) -> None:
    assert is_valid(session_value(token), token)
    assert is_valid(session_value(token), other) == (token == other)
    assert token not in session_value(token) or len(token) < 4


def test_a_token_may_be_pasted_with_space_around_it() -> None:
    assert is_token("  secret\n", "secret")
    assert not is_token("secre", "secret")
    assert not is_token("sécret", "secret")


def test_a_form_belongs_to_one_session() -> None:
    assert is_own_form(form_token("one"), "one")
    assert not is_own_form(form_token("one"), "two")
    assert not is_own_form("", "one")


def test_a_form_leads_back_to_this_server_alone() -> None:
    assert local("/incidents/inc-1?show=all") == "/incidents/inc-1?show=all"
    for elsewhere in (
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/a\r\nX: y",
    ):
        assert local(elsewhere) == "/"
