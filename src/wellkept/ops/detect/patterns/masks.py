"""From a line to its shape: everything that looks like a value becomes one reserved character.

The rules state formats that are known from outside (addresses, paths, identifiers, numbers with units, switches); none
looks at frequencies, so a line's shape hangs on nothing but the line. They are applied in order: what is large first
(a quoted request), then tokens, then what touches a value. Only lines whose cheap key (``cheap.py``) is new come here,
so clarity is worth more than speed; each rule names what a line must hold for it, which leaves out most of them.
"""

from __future__ import annotations

import re

MASK = "\x01"
"""Stands for a value. It cannot be in a line: control characters become blanks first."""
RULES = 1
"""Version of the rules: ids hang on it, so a change of a rule moves it and never gives an old id another meaning."""

_M = MASK
_DIGIT = "0"
_BLANKS = re.compile(r"[\x00-\x20\x7f\u00a0]+")
_DIGITS = re.compile(r"\d")
_LEFT = r"(?:(?<=[\s,;:=()\[\]{}<>\"'|" + _M + r"])|(?<![\s\S]))"
"""What stands before a token: a blank, a delimiter, or the beginning."""
_TOP = (
    "com|org|net|edu|gov|mil|int|info|biz|io|dev|app|cloud|local|lan|internal|localdomain|arpa|corp|home|"
    "ac|ae|ar|at|au|be|bg|br|ca|ch|cl|cn|co|cz|de|dk|ee|es|eu|fi|fr|gr|hk|hr|hu|ie|il|in|ir|is|it|jp|kr|lt|lu|lv|"
    "mx|my|nl|no|nz|pe|ph|pk|pl|pt|ro|rs|ru|sa|se|sg|si|sk|su|th|tr|tv|tw|ua|uk|us|ve|vn|za"
)
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_DATE = (
    rf"\b(?:{_DAY},? )?(?:{_MONTH} \d{{1,2}}|\d{{1,2}} {_MONTH}),?(?: \d{{4}})?(?: {_CLOCK})"
    r"(?: [A-Z]{3,4}\b)?(?: [+-]\d{4}\b)?(?: \d{4}\b)?"
)
_UUID = r"\{?\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b\}?"
_MESSAGE = r"(?<!msg)(?<!message)(?<!event)"
_SWITCH = r"(?:true|false|TRUE|FALSE|True|False|null|NULL|Null|none|None|nil|\(null\))(?![\w.-])"
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)*|\.\d+)(?:[eE][+-]?\d+)?%?(?=[\s,;:=()\[\]{}<>\"'|!?]|\.?$|\.\s)"
_NO_ERROR = r"(?!\w*(?:Exception|Error)\b)"
_IN_NAME = r"[\w$/_@\\#~-]*(?<!\w)"
_IS_NAMED = rf"(?={_IN_NAME}{_M})"
"""Said first, so that a long word that no value follows is given up after one pass over it, not after every split."""

_LIST: tuple[tuple[str, str, str], ...] = (
    # A request line in quotes: the verb stays.
    ('"', r"\"(GET|POST|PUT|DELETE|HEAD|OPTIONS|PATCH|CONNECT|TRACE) [^\"]*\"", rf'"\1 {_M}"'),
    ("://", r"\b([A-Za-z][A-Za-z0-9+.-]*)://[^\s\"'<>,;()\[\]]+", rf"\1://{_M}"),
    # A quoted value of a key; the text of a message is none.
    ('"', _MESSAGE + r"([=:] ?)\"[^\"]*\"", rf'\1"{_M}"'),
    ("'", _MESSAGE + r"([=:] ?)'[^']*'", rf"\1'{_M}'"),
    # A date with names is one value, up to its zone and year.
    (_DIGIT, _DATE, _M),
    ("-", _UUID, _M),
    # Hardware addresses, IPv6.
    (_DIGIT, r"(?<![\w:])(?:[0-9a-fA-F]{2}[:-]){3,}[0-9a-fA-F]{2}(?![\w:])", _M),
    (":", r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{1,4})(?![\w:])", _M),
    # Paths: of Windows (with drive or share), of Unix.
    ("\\", r"(?<![A-Za-z0-9])[A-Za-z]:\\[^\s,;\"'()\[\]|]*", _M),
    ("\\", r"(?<![\w\\])\\\\[\w.$-]+\\[^\s,;\"'()\[\]|]*", _M),
    ("/", _LEFT + r"(?:~|\.{1,2})?/(?!/)[^\s,;:=()\[\]{}<>\"'|" + _M + r"]+", _M),
    ("@", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _M),
    # Dotted names: of hosts (a known top-level domain, or a port), of packages, of classes.
    (".", rf"(?<![\w.$@/-])(?:\w[\w-]*\.)+(?:{_TOP})(?![\w-]|\.\w|\(\))", _M),
    (".", r"(?<![\w.$@/-])(?:[A-Za-z_][\w-]*\.)+[A-Za-z_][\w-]*(?=:\d{1,5}(?!\w)|/[\w.]|\[\d)", _M),
    (
        ".",
        r"(?<![\w.$@/-])(?:com|org|net|edu)\.[a-z]\w*\.(?![\w.$]*(?:Exception|Error)\b)[\w.$]*\w(?!\w*\((?!\d))",
        _M,
    ),
    (".", rf"(?<![\w.$@/-])(?:[a-z][\w-]*\.){{2,}}[A-Z]{_NO_ERROR}\w*[a-z][\w$]*(?![\w.-]*\()", _M),
    ("", _LEFT + _SWITCH, _M),
    (_DIGIT, _LEFT + _NUMBER, _M),
    # Any word that holds a digit.
    (_DIGIT, r"[\w~%-]*\d[\w~%-]*", _M),
    # A word that no language has: of hexadecimal letters only, or without vowels.
    ("", r"\b(?=[a-f]*[b-df][b-df][b-df])[a-f]{8,}\b", _M),
    ("", r"\b(?=[A-F]*[B-DF][B-DF][B-DF])[A-F]{8,}\b", _M),
    ("", r"\b(?=[a-z]*[b-df-hj-np-tv-xz]{6})[a-z]{9,}\b", _M),
    # A value without blanks behind its key.
    ("=", r"(?<=\w)=(?=[A-Za-z<(\[{])[^\s,;=()\[\]{}<>\"'|" + _M + r"]+(?=[\s,;)\]}>\"'|]|$)", f"={_M}"),
    # What touches a value belongs to it.
    (_M, rf"{_M}(?:[/.@$\\#*+~-]+[\w{_M}./@$\\#*+~-]*[\w{_M}])+", _M),
    (_M, rf"{_M}\w+", _M),
    (
        _M,
        (
            rf"(?:{_IS_NAMED}[\w$-]+[/_@$\\#~-]+|[\w$-]+\.(?:[\w$-]+\.)+|{_IS_NAMED}(?<![:/])[/_@$\\#~-])"
            rf"{_IN_NAME}{_M}"
        ),
        _M,
    ),
    (_M, rf"\b[A-Za-z]*\\{_M}", _M),
    # Switches in brackets; values whose names follow in brackets: "3 (n.leader), LOOKING (n.state)".
    ("(", r"\( ?(?:on|off|yes|no)(?: (?:on|off|yes|no))+ ?\)", f"( {_M} )"),
    ("(", rf"({_M} \([\w. ]+\), )[A-Za-z]\w*(?= \([\w. ]+\))", rf"\1{_M}"),
    ("[", rf"(?=[\w-]*\[{_M}\])[\w-]*[-_]\w*\[{_M}\]", _M),
    ("|", rf"{_M}(?:\|[\w.$-]+(?=\|{_M}))", _M),
    (_M, rf"{_M}(?:{_M})+", _M),
    (_M, rf"{_M}(?:, ?{_M})+", _M),
    (_M, rf"{_M}(?: {_M}){{2,}}", _M),
)
_COMPILED = tuple((needed, re.compile(pattern), by) for needed, pattern, by in _LIST)


def clean(text: str) -> str:
    """A line with single blanks and without control characters."""
    return _BLANKS.sub(" ", text).strip(" ")


def shape_of(text: str) -> str:
    """The shape of a clean line: literals, and ``MASK`` where values stand."""
    has_digits = _DIGITS.search(text) is not None
    for needed, pattern, by in _COMPILED:
        if has_digits if needed is _DIGIT else needed in text:
            text = pattern.sub(by, text)
    return text
