"""Signatures of webhooks: the vectors of the specifications, and that nothing but the message itself fits."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.errors import ForbiddenError, InputError
from wellkept.kernel.webhooks import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    check_github,
    check_gitlab,
    key_of,
    secret_of,
    signature,
    signed,
    verified,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY, OTHER = key_of(SECRET), b"o" * 32
MESSAGE, MOMENT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'


def test_a_signature_is_that_of_the_specification() -> None:
    assert signature(KEY, MESSAGE, MOMENT, BODY) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signature_of_github_is_that_of_its_documentation() -> None:
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    check_github(["other", "It's a Secret to Everybody"], {"x-hub-signature-256": known}, b"Hello, World!")


@given(st.binary(max_size=200), st.integers(0, 2**33), st.text("abcdefgh_0123", min_size=1, max_size=40))
def test_what_is_signed_is_known_again(body: bytes, moment: int, message: str) -> None:
    assert verified([OTHER, KEY], signed([KEY], message, moment, body), body, moment) == message


@given(st.binary(max_size=50), st.binary(max_size=50), st.integers(0, 100), st.integers(0, 100))
def test_nothing_but_the_very_message_fits(body: bytes, other: bytes, moment: int, later: int) -> None:
    headers = {**signed([KEY], "a", moment, body), TIMESTAMP: str(later)}

    if (body, moment) != (other, later):
        with pytest.raises(ForbiddenError):
            verified([KEY], headers, other, later)


def test_two_keys_make_a_change_of_secret_without_a_gap() -> None:
    headers = signed([OTHER, KEY], MESSAGE, MOMENT, BODY)

    assert headers[SIGNATURE].count("v1,") == 2
    assert verified([KEY], headers, BODY, MOMENT) == verified([OTHER], headers, BODY, MOMENT) == MESSAGE


@pytest.mark.parametrize("apart_s", [-301, 301, 10**9])
def test_a_message_of_another_time_is_refused(apart_s: int) -> None:
    with pytest.raises(ForbiddenError, match="replay"):
        verified([KEY], signed([KEY], MESSAGE, MOMENT, BODY), BODY, MOMENT + apart_s)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (ID, ""),
        (ID, "x" * 257),
        (ID, "ü"),
        (TIMESTAMP, ""),
        (TIMESTAMP, "1e3"),
        (TIMESTAMP, "٣"),
        (TIMESTAMP, "nan"),
        (TIMESTAMP, "9" * 400),
        (SIGNATURE, ""),
        (SIGNATURE, "v1,"),
        (SIGNATURE, "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (SIGNATURE, "v1,\udc80"),
    ],
)
def test_malformed_headers_are_refused(header: str, value: str) -> None:
    with pytest.raises(ForbiddenError):
        verified([KEY], {**signed([KEY], MESSAGE, MOMENT, BODY), header: value}, BODY, MOMENT)


def test_without_a_key_nobody_is_known_and_nothing_is_signed() -> None:
    with pytest.raises(ForbiddenError):
        verified([], signed([KEY], MESSAGE, MOMENT, BODY), BODY, MOMENT)
    with pytest.raises(InputError, match="none to sign with"):
        signed([], MESSAGE, MOMENT, BODY)
    with pytest.raises(ForbiddenError):
        check_github([], {"x-hub-signature-256": "sha256="}, BODY)


def test_an_id_with_a_dot_is_never_signed() -> None:
    with pytest.raises(InputError, match="dot"):
        signed([KEY], "a.1614265330.b", MOMENT, BODY)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", base64.b64encode(b"x" * 65).decode()])
def test_a_secret_that_is_none_is_refused_and_never_told(secret: str) -> None:
    with pytest.raises(InputError) as refused:
        key_of(secret)

    assert not secret or secret.removeprefix("whsec_") not in str(refused.value) or secret == "whsec_"


@given(st.binary(min_size=24, max_size=64))
def test_a_key_comes_back_out_of_its_secret(key: bytes) -> None:
    assert key_of(secret_of(key)) == key == key_of(secret_of(key).removeprefix("whsec_"))


@pytest.mark.parametrize("given_", ["", "wrong", "secre", "secrets"])
def test_gitlab_is_known_by_the_whole_secret_alone(given_: str) -> None:
    check_gitlab(["old", "secret"], {"x-gitlab-token": "secret"})
    with pytest.raises(ForbiddenError):
        check_gitlab(["old", "secret"], {"x-gitlab-token": given_})
