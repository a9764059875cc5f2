"""Effects are held while their cause is told, and behind every effect stands something that is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.ops.correlate.noise.scenes import NOON

from wellkept.kernel.entity import Edge, EdgeKind
from wellkept.ops.correlate.noise.effects import Effects, Trouble
from wellkept.spine.graph import Graph


def chain(*pairs: tuple[str, str]) -> Graph:
    return Graph((), [Edge(source, target, EdgeKind.CALLS, NOON) for source, target in pairs])


def trouble(name: str, *entities: str, severity: int = 3, began: float = 0) -> Trouble:
    return Trouble(name, name, severity, began, frozenset(entities or (name,)))


def test_what_depends_on_the_trouble_is_an_effect() -> None:
    graph = chain(("web", "db"), ("db", "host"))
    found = Effects().of([trouble("web"), trouble("db"), trouble("host"), trouble("mail")], graph)
    assert found.keys() == {"web", "db"}
    assert found["db"].values == {"cause": "host"}
    assert found["db"].sentence == "an effect of host (host): all that it is about depends on that"


def test_what_is_worse_is_told() -> None:
    graph = chain(("web", "db"))
    assert Effects().of([trouble("web", severity=4), trouble("db", severity=3)], graph) == {}


def test_what_began_long_before_its_cause_is_told() -> None:
    graph = chain(("web", "db"))
    assert Effects().of([trouble("web", began=0), trouble("db", began=301)], graph) == {}
    assert Effects().of([trouble("web", began=0), trouble("db", began=299)], graph).keys() == {"web"}


def test_what_is_only_in_part_about_the_effect_is_told() -> None:
    graph = chain(("web", "db"))
    assert Effects().of([trouble("a", "web", "mail"), trouble("db")], graph) == {}


def test_two_that_depend_on_each_other_are_both_told() -> None:
    graph = chain(("a", "b"), ("b", "a"))
    assert Effects().of([trouble("a"), trouble("b")], graph) == {}


names = st.sampled_from("abcdefg")


@given(
    st.lists(st.tuples(names, names), max_size=14),
    st.dictionaries(names, st.tuples(st.integers(1, 4), st.integers(0, 900), st.sets(names, max_size=2)), max_size=7),
    st.integers(1, 4),
)
def test_behind_every_effect_stands_one_that_is_told(
    pairs: list[tuple[str, str]], drawn: dict[str, tuple[int, int, set[str]]], hops: int
) -> None:
    live = [Trouble(name, name, s, b, frozenset({name} | more)) for name, (s, b, more) in drawn.items()]
    found = Effects(hops).of(live, chain(*pairs))
    assert Effects(hops).of(live[::-1], chain(*pairs)).keys() == found.keys()
    for effect, held in found.items():
        here, seen = effect, set[str]()
        while here in found:
            assert here not in seen, "a circle"
            seen.add(here)
            here = found[here].values["cause"]
        assert here in drawn
        assert drawn[held.values["cause"]][0] >= drawn[effect][0]


def test_a_new_one_is_an_effect_of_what_was_there() -> None:
    effects, graph = Effects(), chain(("web", "db"), ("db", "host"))
    assert effects.of_new(trouble("web")) is None, "nothing is known yet"
    assert effects.of([trouble("db")], graph) == {}
    held = effects.of_new(trouble("web"))
    assert held is not None
    assert held.values == {"cause": "db"}
    assert effects.of_new(trouble("host")) is None
    assert effects.of_new(trouble("db")) is None
