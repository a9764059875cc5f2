"""What people see: plain lines, a live picture, and the table at the end."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from wellkept.demo.outcome import Ending, Outcome, Told
from wellkept.demo.screen import LiveScreen, PlainScreen, Screen, print_ending, screen_for, spoken

GOOD = Outcome("A memory leak", True, 34.0, Told("service:shop/checkout", "restarted", "found at 38%", 18.4))
BAD = Outcome("The world changes", False, 12.0, Told("", "", "expected [bold]a[/bold]; the platform said: nothing"))


def console(*, is_terminal: bool = False) -> tuple[Console, StringIO]:
    out = StringIO()
    return Console(file=out, force_terminal=is_terminal, width=140, height=40, color_system=None), out


def show(screen: Screen) -> None:
    screen.open("http://127.0.0.1:1/?token=t", [GOOD.name, BAD.name])
    screen.begin(GOOD.name, "It leaks.")
    screen.step("the forecast")
    screen.note("Memory grew by [20 MB]")
    screen.away(True)
    screen.away(True)
    screen.away(False)
    screen.step("restarted")
    screen.done(GOOD)
    screen.begin(BAD.name, "It changes.")
    screen.step("the drop")
    screen.note("Average precision is 0.48")
    screen.close()


def test_plain_lines_tell_everything_once() -> None:
    made, out = console()
    screen = screen_for(made)
    assert isinstance(screen, PlainScreen)
    show(screen)
    text = out.getvalue()
    for part in (
        "page: http://127.0.0.1:1/?token=t", "A memory leak: It leaks.", "... the forecast", "Memory grew by [20 MB]",
        "as told after 34.0 s: found at 38%", "Average precision is 0.48",
    ):  # fmt: skip
        assert text.count(part) == 1, part
    assert text.count("server is away") == 1


def test_the_live_picture_has_the_page_first_and_the_present_step() -> None:
    made, out = console(is_terminal=True)
    screen = screen_for(made)
    assert isinstance(screen, LiveScreen)
    show(screen)
    last = out.getvalue().rsplit("Wellkept demo", 1)[1].splitlines()
    assert "http://127.0.0.1:1/?token=t" in last[0]
    told = "\n".join(last)
    for part in ("✓ A memory leak", "found at 38%", "▸ The world changes", "It changes.", "the drop", "is 0.48"):
        assert part in told
    assert "the forecast" not in told, "what is over is one line"


def test_the_table_tells_each_act_and_the_losses() -> None:
    made, out = console()
    print_ending(Ending([GOOD], 203.0, {"labels": 0}, "/logs"), made)
    text = out.getvalue()
    for part in ("A memory leak", "18 s", "shop/checkout", "restarted", "nothing that was acknowledged was lost"):
        assert part in text
    assert "/logs" not in text


def test_the_table_of_a_failure_says_where_the_logs_are() -> None:
    made, out = console()
    print_ending(Ending([GOOD, BAD], 203.0, None, "/logs"), made)
    assert "NO" in out.getvalue()
    assert "[bold]" in out.getvalue(), "what a platform says is no markup"
    assert "was not counted" in out.getvalue()
    assert "/logs" in out.getvalue()
    made, out = console()
    print_ending(Ending([GOOD], 203.0, {"labels": 2, "payments": 0}, "/logs"), made)
    assert "LOST: 2 labels" in out.getvalue()


def test_a_disk_is_told_without_the_id_of_its_host() -> None:
    assert spoken("disk:4c4c:/var/log") == "disk /var/log"
    assert spoken("service:shop/features") == "service:shop/features"
