# SPDX-License-Identifier: Apache-2.0
"""Takes secrets out of FRR's configuration where it leaves /etc/frr, which only FRR may read.

What follows these words is left out to the end of the line: passwords of BGP, LDP and MSDP
neighbors, of IS-IS and of the vty; keys of key chains (TCP-AO takes its from one), of OSPF,
RIP and EIGRP, of NHRP and of PCEP. A misspelt password is one as well, and one with blanks,
which FRR does not take: its complaint quotes the line.
"""

from __future__ import annotations

import re

MASK = "<hidden>"

# Numbers that say which key, or how it is written, are no secret.
_SECRET = re.compile(
    r"""
    (?<!\w)
    (?P<word>
      pas\w*w\w* (?: [^\S\n]+ (?: 0 | 7 | 8 | clear | md5 ) (?= [^\S\n] ) )?
    | key (?! [^\S\n]+ (?: chain [^\S\n] | \d+ [^\S\n]* $ ) )  # these name keys only
    | key-string | pre-shared-key | secret | psk
    | authentication [^\S\n]+ (?: string | text )
    | nhrp [^\S\n]+ authentication
    | authentication-key (?: [^\S\n]+ [07] (?= [^\S\n] ) )?
    | message-digest-key (?: [^\S\n]+ \d+ )? (?: [^\S\n]+ md5 )? (?: [^\S\n]+ [07] (?= [^\S\n] ) )?
    | tcp-md5-auth
    )
    (?P<gap> [^\S\n]+ )
    \S .*
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)


def masked(text: str) -> str:
    """Return configuration, a part of it or a diff of it, without its secrets.

    Lines without a secret stay as they are, the others up to where it begins.
    """
    return _SECRET.sub(rf"\g<word>\g<gap>{MASK}", text)
