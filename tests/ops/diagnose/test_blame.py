"""Which change is to blame: by words, place and time, and when none is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.diagnose.blame import Edit, Line, Trouble, blame, onset_of, surge_of
from wellkept.ops.diagnose.words import absent, changed_lines, objects, words

ONSET = datetime(2024, 3, 1, 12, tzinfo=UTC)


def edit(
    name: str, minutes: float, text: str = "", diff: str = "", service: str = "shop", files: tuple[str, ...] = ()
) -> Edit:
    at = ONSET - timedelta(minutes=minutes)
    return Edit(name, at, text, files, diff, ((service, at),) if service else ())


TROUBLE = Trouble(
    service="shop",
    onset=ONSET,
    sentence="shop fails",
    lines=(Line("shop", 'relation "wish_list" does not exist', 40.0),),
)


def test_the_change_that_names_what_fails_is_first_though_another_is_nearer() -> None:
    guilty = edit("guilty", 9, "wish lists", '+    rows = query("SELECT id FROM wish_list")')
    said = blame([guilty, edit("near", 2, "new colours", "+color = blue")], TROUBLE)
    assert said.best is not None
    assert said.best.edit == "guilty"
    assert "wish" in said.best.why


def test_what_is_said_not_to_be_there_points_at_who_took_it_away() -> None:
    lines = (Line("shop", "lookup failed: 'cart-merger' not found", 20.0),)
    trouble = Trouble("shop", ONSET, "shop fails: 'cart-merger' not found in the registry", lines)
    guilty = edit("guilty", 9, "tidy the start", "-  addAll(registry)")
    decoy = edit("decoy", 2, "say more in the lookup", '-  fail("lookup")\n+  fail("lookup", here)')
    best = blame([guilty, decoy], trouble).best
    assert best is not None
    assert best.edit == "guilty"


def test_what_is_not_there_is_read_off_a_text() -> None:
    assert absent("no mapping found for field [a]") == words("mapping")
    assert absent("table 'wish' does not exist, unknown column colour") == words("wish", "column")
    assert absent("all is found") == set()


def test_a_change_after_the_onset_is_no_suspect() -> None:
    assert blame([edit("late", -5, "wish list")], TROUBLE).suspicions == ()


def test_documents_are_hardly_to_blame() -> None:
    docs = edit("docs", 3, "wish list", "+wish list", files=("docs/wish.md",))
    other = edit("other", 8, "prices", "-price = 3\n+price = 4")
    best = blame([docs, other], TROUBLE).best
    assert best is not None
    assert best.edit == "other"


def test_none_is_to_blame_where_the_lines_name_somebody_outside() -> None:
    lines = (Line("shop", "POST https://api.bank.example.com/pay returned 503", 300.0),)
    said = blame([edit("deploy", 5, "tidy payment")], Trouble("shop", ONSET, "payments fail", lines))
    assert said.best is None
    assert "outside" in said.why_none


def test_a_name_within_the_cluster_is_not_outside() -> None:
    lines = (Line("shop", "GET http://stock.svc.cluster.local/items returned 503", 300.0),)
    said = blame([edit("deploy", 5, "tidy stock")], Trouble("shop", ONSET, "stock fails", lines))
    assert said.best is not None


def test_none_is_to_blame_where_requests_surge() -> None:
    trouble = Trouble("shop", ONSET, "shop is slow", surge=4.0)
    assert blame([edit("deploy", 30, "tidy")], trouble).best is None


def test_a_commit_without_a_deploy_of_its_own_may_have_been_carried() -> None:
    carried = Edit("carried", ONSET - timedelta(minutes=9), "wish list", ("shop/a.py",), "+wish_list")
    said = blame([carried, edit("deploy", 3, "tidy", service="shop")], TROUBLE)
    assert "carried" in next(one.why for one in said.suspicions if one.edit == "carried")


@given(st.permutations(["a", "b", "c", "d"]), st.floats(0, 300))
def test_probabilities_are_one_together_and_order_does_not_matter(names: list[str], minutes: float) -> None:
    edits = [edit(name, minutes + number, name * 5) for number, name in enumerate(sorted(names))]
    shuffled = [next(one for one in edits if one.id == name) for name in names]
    first, second = blame(edits, TROUBLE), blame(shuffled, TROUBLE)
    assert first == second
    assert abs(sum(one.probability for one in first.suspicions) + first.none - 1.0) < 0.01


def test_words_are_split_and_cut_and_common_ones_left_out() -> None:
    assert words("loadOrgAgents failed", "max_conns = 50") == {"load", "org", "agent", "max", "conn"}
    assert objects("table memory-store exceeded") == {"memory", "store"}
    assert changed_lines("--- a/x\n+++ b/x\n-old\n+new\n same") == (["new"], ["old"])


def test_the_onset_is_where_three_values_are_far_off() -> None:
    times = [ONSET + timedelta(minutes=step) for step in range(20)]
    assert onset_of(times, [1.0] * 12 + [9.0] * 8) == times[12]
    assert onset_of(times, [1.0] * 12 + [9.0] + [1.0] * 7) is None


def test_a_surge_is_told_by_the_requests_around_the_onset() -> None:
    times = [ONSET + timedelta(minutes=step) for step in range(-20, 10)]
    assert surge_of({"shop": (times, [10.0] * 18 + [50.0] * 12)}, ONSET) == 5.0
    assert surge_of({}, ONSET) == 1.0
