"""Clues from single traces: what is left out, what comes late, who works longer."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.diagnose.tracing import Call, case, many, mixed, sample

from wellkept.ops.diagnose.clues.exclusive import ExclusiveClue
from wellkept.ops.diagnose.clues.gap import GapClue
from wellkept.ops.diagnose.clues.mass import _slower, _waited
from wellkept.ops.diagnose.clues.structure import MOST_LINES, StructureClue, _Events, _events, _together
from wellkept.ops.diagnose.traces import Spans, traces

FRONT, ORDERS, STOCK, MAIL = "service:front", "service:orders", "service:stock", "service:mail"
QUERY = Call(STOCK, "SELECT stock", own_ms=2)
STOCKS = Call(STOCK, "GET /stock", calls=(QUERY,), says=("stock is read", "stock is there"))
MAILS = Call(MAIL, "POST /mail", says=("mail is sent",))
ORDER = Call(ORDERS, "POST /order", calls=(STOCKS, MAILS), says=("order begins", "order is done"))
SHOP = Call(FRONT, "GET /", calls=(ORDER,))


def shop(order: Call) -> Call:
    return SHOP.with_(calls=(order,))


def accused(clue: StructureClue | GapClue | ExclusiveClue, before: list[Call], during: list[Call]) -> dict[str, float]:
    return {entity: round(hint.strength, 2) for entity, hint in clue.weigh(case(before, during)).items()}


def worst(found: dict[str, float]) -> str:
    return max(found, key=lambda entity: found[entity]) if found else ""


def test_the_same_as_before_accuses_nobody() -> None:
    for clue in (StructureClue(), ExclusiveClue()):
        assert max(accused(clue, many(SHOP), many(SHOP)).values(), default=0.0) < 0.05
    assert max(accused(GapClue(), many(SHOP), many(SHOP)).values(), default=0.0) < 0.05


def test_more_traffic_accuses_nobody() -> None:
    assert max(accused(StructureClue(), many(SHOP, 40), many(SHOP, 200)).values(), default=0.0) < 0.05


def test_a_word_that_is_not_said_any_more_points_at_who_said_it() -> None:
    silent = STOCKS.with_(says=("stock is read",))

    found = accused(StructureClue(), many(SHOP), many(shop(ORDER.with_(calls=(silent, MAILS)))))

    assert worst(found) == STOCK
    assert found[STOCK] > 0.5


def test_what_changes_further_down_in_the_same_trace_explains_what_changes_above() -> None:
    broken = STOCKS.with_(says=("stock is read", "stock ERROR"), level=17, calls=())
    during = many(shop(ORDER.with_(calls=(broken,), says=("order begins", "order failed"), level=17)))

    found = accused(StructureClue(), many(SHOP), during)

    assert worst(found) == STOCK
    assert found.get(ORDERS, 0.0) < 0.5 * found[STOCK]


def test_a_request_that_ends_with_a_call_points_at_the_callee_and_less_at_the_caller() -> None:
    """The catalogue answers nonsense, fast and in its usual way, and the caller gives up."""
    found = accused(StructureClue(), many(SHOP), many(shop(ORDER.with_(calls=(STOCKS,)))))

    assert worst(found) == STOCK
    assert 0.0 < found[ORDERS] < found[STOCK]


def test_a_service_that_calls_nothing_any_more_is_accused_itself() -> None:
    found = accused(StructureClue(), many(SHOP), many(shop(ORDER.with_(calls=()))))

    assert worst(found) == ORDERS


def test_an_operation_that_got_rid_of_its_errors_is_no_suspect() -> None:
    failing = ORDER.with_(
        says=("order begins", "order ERROR"), level=17, calls=(Call(ORDERS, "BasicErrorController.error"),)
    )

    found = accused(StructureClue(), mixed((shop(failing), 30), (SHOP, 30)), many(SHOP))

    assert found.get(ORDERS, 0.0) == 0.0


def test_a_line_that_came_with_another_is_missed_even_where_errors_went_away() -> None:
    """Before, half of the orders failed for another reason, and said neither line."""
    failing = ORDER.with_(says=("order ERROR",), level=17)
    half = ORDER.with_(says=("order begins",))
    before = mixed((shop(failing), 20), (SHOP, 20))

    hints = StructureClue().weigh(case(before, many(shop(half), 40)))

    assert worst({entity: hint.strength for entity, hint in hints.items()}) == ORDERS
    assert hints[ORDERS].strength > 0.5
    assert hints[ORDERS].sentence == (
        "POST /order of orders still says “order begins”, but no longer says “order is done”."
    )
    names = {pointer.name for pointer in hints[ORDERS].pointers}
    assert "order is done" in names
    assert accused(StructureClue(), before, many(SHOP, 40)).get(ORDERS, 0.0) == 0.0


def test_a_line_that_is_missing_behind_a_call_that_ended_the_request_points_at_the_callee() -> None:
    ended = ORDER.with_(calls=(STOCKS,), says=("order begins",))

    found = accused(StructureClue(), many(SHOP), many(shop(ended)))

    assert worst(found) == STOCK


def test_spans_that_say_very_much_are_not_compared_line_by_line() -> None:
    talkative = ORDER.with_(says=tuple(f"line {number}" for number in range(MOST_LINES + 1)))
    silent = talkative.with_(says=talkative.says[:1])

    _, _, pairs, _ = _together(*_of(many(shop(talkative))))

    assert len(pairs) == 2, "those of the stock's two lines"
    assert worst(accused(StructureClue(), many(shop(talkative)), many(shop(silent)))) == ORDERS


def _of(requests: list[Call]) -> tuple[Spans, _Events]:
    known = traces(sample(requests), sample(requests))
    assert known is not None
    return known.before, _events(known, known.before)


def test_calls_that_went_away_upstream_leave_the_odd_ones_no_more_frequent() -> None:
    """Half the orders were of another kind; now the usual kind is gone, which is not the doing of the odd ones."""
    odd = ORDER.with_(calls=(MAILS,))
    before = mixed((shop(ORDER), 60), (shop(odd), 30))
    during = mixed((SHOP.with_(calls=()), 60), (shop(odd), 30))

    found = accused(StructureClue(), before, during)

    assert worst(found) == FRONT


def test_logs_count_only_where_there_were_logs_before() -> None:
    quiet = STOCKS.with_(says=())
    before = many(shop(ORDER.with_(calls=(quiet, MAILS))))

    assert accused(StructureClue(), before, many(SHOP)).get(STOCK, 0.0) == 0.0


def test_an_answer_that_arrives_late_points_at_the_way_to_the_callee() -> None:
    late = MAILS.with_(late_ms=300.0)

    found = accused(GapClue(), many(SHOP), many(shop(ORDER.with_(calls=(STOCKS, late)))))

    assert worst(found) == MAIL
    assert found[MAIL] > 0.7


def test_a_caller_that_reads_all_its_answers_late_accuses_none_of_its_callees() -> None:
    third = Call("service:rates", "GET /rates")
    before = many(shop(ORDER.with_(calls=(STOCKS, MAILS, third))))
    slow = [call.with_(late_ms=90.0) for call in (STOCKS, MAILS, third)]

    found = accused(GapClue(), before, many(shop(ORDER.with_(calls=tuple(slow)))))

    assert max(found.get(one, 0.0) for one in (STOCK, MAIL, "service:rates")) < 0.1


def test_slow_work_points_at_who_works_and_not_at_who_waits() -> None:
    slow = STOCKS.with_(own_ms=400.0)

    found = accused(ExclusiveClue(), many(SHOP), many(shop(ORDER.with_(calls=(slow, MAILS)))))

    assert worst(found) == STOCK
    assert found.get(ORDERS, 0.0) < 0.05


@pytest.mark.parametrize("clue", [StructureClue(), GapClue(), ExclusiveClue()])
def test_a_clue_says_why(clue: StructureClue | GapClue | ExclusiveClue) -> None:
    broken = STOCKS.with_(own_ms=400.0, late_ms=300.0, says=("stock is read",))
    hints = clue.weigh(case(many(SHOP), many(shop(ORDER.with_(calls=(broken, MAILS))))))

    assert "stock" in hints[STOCK].sentence


def test_traces_of_one_time_alone_say_nothing() -> None:
    assert traces(sample([]), sample(many(SHOP))) is None


def test_parents_are_found_in_their_own_time() -> None:
    known = traces(sample(many(SHOP, 3)), sample(many(SHOP, 5)))

    assert known is not None
    assert (known.before.traces, known.during.traces) == (3, 5)
    spans = known.during
    roots = spans.parent < 0
    assert roots.sum() == 5
    assert (spans.trace[spans.parent[~roots]] == spans.trace[~roots]).all()
    names = np.array(known.op_names)[spans.op]
    assert set(names[spans.parent[names == "GET /stock"]]) == {"call GET /stock"}


def test_what_is_said_is_told_without_its_secrets() -> None:
    leaking = STOCKS.with_(says=(*STOCKS.says, "stock ERROR at login with password=hunter2"), level=17)
    hint = StructureClue().weigh(case(many(SHOP), many(shop(ORDER.with_(calls=(leaking, MAILS))))))[STOCK]
    said = f"{hint.sentence} {hint.pointers}"
    assert "stock ERROR at login" in said
    assert "hunter" not in said


@pytest.mark.parametrize(("own_ms", "late_ms", "explained"), [(25.0, 0.5, 1.0), (5.0, 20.5, 1 / 3)])
def test_what_all_callees_took_longer_is_not_the_callers_own_but_a_late_reading_of_all_may_be(
    own_ms: float, late_ms: float, explained: float
) -> None:
    def request(own: float, late: float) -> Call:
        return Call("service:front", "GET /", calls=[Call(f"service:{n}", n, own, late) for n in ("a", "b", "c")])

    known = case(many(request(5.0, 0.5)), many(request(own_ms, late_ms)))
    assert _waited(known) == {"service:front": pytest.approx(explained, abs=0.01)}


def test_a_service_is_slower_where_its_requests_are_on_the_average() -> None:
    usual = many(Call("service:front", "GET /", 20.0))
    assert _slower(case(usual, usual)) == {"service:front": 0.0}
    assert _slower(case(usual, many(Call("service:front", "GET /", 30.0)))) == {"service:front": 1.0}
    assert _slower(case(usual, usual[:3])) == {}, "too few to say"
