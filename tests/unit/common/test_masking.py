# SPDX-License-Identifier: Apache-2.0
"""Secrets do not leave /etc/frr, and nothing else is lost."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netop.common.masking import MASK, masked

#: Everything up to the secret, as FRR 10.3 writes it.
BEFORE = (
    "neighbor 10.0.0.1 password ",
    " no neighbor fabric password ",
    "password ",
    "password 8 ",
    "enable password ",
    "key-string ",
    " ip ospf authentication-key ",
    " ip ospf message-digest-key 1 md5 ",
    " area 0.0.0.1 virtual-link 10.0.0.1 message-digest-key 2 md5 ",
    " isis password clear ",
    " area-password md5 ",
    " domain-password clear ",
    " ip rip authentication string ",
    " ip nhrp authentication ",
    "  address ip 10.0.0.1 tcp-md5-auth ",
    "ip msdp peer 10.0.0.1 password ",
    " neighbor 10.0.0.1 passwrod ",
)
PLAIN = (
    "service password-encryption",
    "username frr nopassword",
    "neighbor 10.0.0.1 passive",
    "key chain fabric",
    " key 1",
    " neighbor 10.0.0.1 remote-as internal",
    " ip ospf authentication message-digest",
    " ip rip authentication key-chain fabric",
    " ip prefix-list pl_key_import_10 seq 1 permit 10.0.0.0/8 le 32",
    "!",
    "",
)
printable = st.characters(min_codepoint=33, max_codepoint=126)
#: Blanks within, none around: FRR strips those.
secrets = st.builds(
    lambda start, rest, end: start + rest + end,
    st.text(printable, min_size=1, max_size=8),
    st.text(st.one_of(printable, st.just(" ")), max_size=30),
    st.text(printable, min_size=1, max_size=8),
)
signs = st.sampled_from(("", "+", "-", " ", "! "))


@given(signs, st.sampled_from(BEFORE), secrets)
@example("", "password ", "8 secret")
@example("", "password ", "0  0")
@example("", "password ", "\rsecret")
@example("", "key-string ", "12345678")
@example("", "neighbor 10.0.0.1 password ", "password password")
def test_nothing_of_a_secret_remains_and_all_before_it(sign: str, before: str, secret: str) -> None:
    shown = masked(f"{sign}{before}{secret}")
    assert shown.startswith(f"{sign}{before}")
    *kind, mask = shown.removeprefix(f"{sign}{before}").split()
    assert mask == MASK
    # A word for how the secret is written is kept, and might be what it begins with.
    assert "".join(kind).lower() in {"", "0", "7", "8", "clear", "md5"}


@given(st.lists(st.one_of(st.sampled_from(PLAIN), st.tuples(st.sampled_from(BEFORE), secrets))))
def test_every_other_line_stays_as_it_is(lines: list[str | tuple[str, str]]) -> None:
    text = "\n".join(line if isinstance(line, str) else "".join(line) for line in lines)
    shown = masked(text).split("\n") if lines else []
    assert len(shown) == len(lines)
    for line, told in zip(lines, shown, strict=True):
        assert told == line if isinstance(line, str) else told.endswith(MASK)


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_keeps_its_lines_and_is_masked_once(text: str) -> None:
    once = masked(text)
    assert once.count("\n") == text.count("\n")
    assert masked(once) == once


@pytest.mark.parametrize("line", PLAIN)
def test_what_only_looks_like_a_secret_is_shown(line: str) -> None:
    assert masked(line) == line
