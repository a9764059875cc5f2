"""What of a body is the message: colours, a line's header, JSON, key=value lines and stack traces are taken off."""

from __future__ import annotations

import re

import orjson

from wellkept.kernel.redact import redact
from wellkept.ops.detect.patterns.masks import clean
from wellkept.store.telemetry.patterns import COLOUR, KEY_CLASS

LONGEST = 1000
"""Characters of a message that are looked at."""
_COLOUR = re.compile(COLOUR)
_MESSAGE_KEYS = ("msg", "message", "event", "log", "text", "body")
_LOGFMT = re.compile(r"(?:^|\s)(?:msg|message|event)=\"((?:[^\"\\]|\\.)*)\"")
_PAIR = re.compile(r"(?:^|\s)[\w.-]+=")
_CLASS = re.compile(KEY_CLASS)
_LINE = re.compile(r"[^\r\n]*")

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,:]\d+)?"
_TIME = re.compile(
    r"(?:<\d{1,3}>(?:1 )?)?(?:[\w./:-]+ (?=\d{4}-\d\d-\d\d[ T]))?[\[(]?(?:"
    rf"(?P<syslog>(?:{_MONTHS}) {{1,2}}\d{{1,2}} {_CLOCK})"
    rf"|\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}[T ]{_CLOCK}(?:Z| ?[+-]\d{{2}}:?\d{{2}})?"
    rf"|\d{{1,2}}[-/.](?:\d{{1,2}}|{_MONTHS})(?:[-/.]\d{{2,4}})?[ :]{_CLOCK}(?: ?[+-]\d{{4}})?"
    rf"|[A-Z][a-z]{{2}} (?:{_MONTHS}) {{1,2}}\d{{1,2}} {_CLOCK} \d{{4}}"
    r"|\d{6} \d{6}(?= \d+ [A-Z]{4,5} )"
    r"|\d{10}(?:\.\d+)?(?= \d{4}\.\d{2}\.\d{2} )"
    r")[\])]?,? *(?:(?:UTC|GMT|CES?T|[ECMP][SD]T) +)?"
)
_KLOG = re.compile(r"[IWEF]\d{4} \d{2}:\d{2}:\d{2}\.\d+ +\d+ [\w./-]+:\d+\] +")
_UPTIME = re.compile(r"\[ *\d+\.\d{3,}\] +")
_ACCESS = re.compile(
    r"(?P<client>\S+) \S+ (?P<user>\S+) \[[^\]]*\d{4}[^\]]*\] (?P<request>\"[A-Z]+ [^\"]*\") (?P<status>\d{3}) "
    r"(?P<bytes>\d+|-)(?: \"(?P<referrer>[^\"]*)\" \"(?P<agent>[^\"]*)\")?"
)
"""The common and the combined format of web servers."""
_SYSLOG = re.compile(r"[\w.:-]+ (?:[\w./-]+(?:\([^)]*\))?(?:\[\d+\])?: )?")
_LEVEL = r"TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|EMERG|ALERT|CRIT|[VDIWEF]"
_FIELD = re.compile(
    rf"(?:[\[(<](?i:{_LEVEL})[\])>]|(?:{_LEVEL}|info|warn|warning|error|debug|notice)\b):? +"
    r"|\d+ +|-{3} +|\[[^\]\s]*\]:? *|\[(?:[\w-]*\d[\w-]*|-)(?: (?:-|\S*\d\S*))*\] *|[-|:] +"
)
_LOGGER = re.compile(
    r"[\w.$/-]{2,80} +: +(?=\S)|[\w.$/-]{2,80}(?:\[\d+\])?: +(?=\S)|"
    r"[\w.$/-]{2,80}(?: \*?\d+)? - +(?=\S)|(?:[a-z_]\w*\.)+[\w$]+ +(?=\[|\S+ )"
)
_MOST_FIELDS = 8


def content(body: str) -> str:
    """The message of a body: clean, on one line, without secrets, at most ``LONGEST`` characters.

    A stack trace adds the class of its last exception, since the first line is often the same for all.
    """
    body = _COLOUR.sub("", body)
    line, newline, rest = body.partition("\n")
    line = line[: 4 * LONGEST]
    if line.startswith("{") and (told := _of_json(body)):
        return _cut(redact(clean(told)))
    line = _without_header(line.strip())
    access = _ACCESS.match(line)
    if access:
        line = _told(access)
    found = _LOGFMT.search(line)
    if found and len(_PAIR.findall(line)) > 1:
        line = found.group(1)
    if newline and (classes := _CLASS.findall(rest)):
        last = classes[-1].rstrip().rstrip(":")
        line = line if last in line else f"{line} {last}"
    return _cut(redact(clean(line)))


def example(body: str) -> str:
    """The message and, on a line of its own, what the last exception of a stack trace says."""
    line, rest = content(body), _COLOUR.sub("", body).partition("\n")[2]
    exceptions = list(_CLASS.finditer(rest))
    said = _LINE.match(rest, exceptions[-1].start(1)) if exceptions else None
    return f"{line}\n{_cut(redact(clean(said.group())))}" if said else line


def _cut(line: str) -> str:
    """At most ``LONGEST`` characters, and no part of a word."""
    if len(line) <= LONGEST:
        return line
    end = line.rfind(" ", 0, LONGEST + 1)
    return line[: end if end > 0 else LONGEST]


def _of_json(body: str) -> str:
    """The message of a JSON object; without one, its members as key=value."""
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(members, dict):
        return ""
    for key in _MESSAGE_KEYS:
        if isinstance(members.get(key), str) and members[key].strip():
            return str(members[key]).partition("\n")[0]
    return " ".join(f"{key}={_plain(value)}" for key, value in sorted(members.items()))


def _told(access: re.Match[str]) -> str:
    """A line of a web server with names for its places."""
    parts = [f"client={access['client']}", f"user={access['user'].replace('-', 'none')}", access["request"]]
    parts += [f"status={access['status']}", f"bytes={access['bytes'].replace('-', '0')}"]
    if access["agent"] is not None:
        parts += [f'referrer="{access["referrer"]}"', f'agent="{access["agent"]}"']
    return " ".join(parts)


def _plain(value: object) -> str:
    return value if isinstance(value, str) and value and " " not in value else orjson.dumps(value).decode()


def _without_header(line: str) -> str:
    """A line without its time and what stands between that and the message; as it is where it begins with no time."""
    if klog := _KLOG.match(line):
        return line[klog.end() :]
    time = _TIME.match(line)
    if time is None:
        return _UPTIME.sub("", line, count=1) if line.startswith("[") else line
    rest = line[time.end() :]
    if time.group("syslog"):
        sender = _SYSLOG.match(rest)
        rest = rest[sender.end() :] if sender else rest
        return rest[kernel.end() :] if (kernel := _UPTIME.match(rest)) else rest
    for _ in range(_MOST_FIELDS):
        field = _FIELD.match(rest)
        if field is None or field.end() == len(rest):
            break
        rest = rest[field.end() :]
    logger = _LOGGER.match(rest)
    rest = rest[logger.end() :] if logger else rest
    field = _FIELD.match(rest)
    return rest[field.end() :] if field and rest.startswith("[") and field.end() < len(rest) else rest
