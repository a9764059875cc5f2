"""What is held, why, and that nothing is lost when a hold ends."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.ops.correlate.noise.scenes import NOON, alert, at, matchers, over, silence

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.grouping import GroupRule, Require
from wellkept.kernel.noise import HoldReason, InhibitRule, Maintenance
from wellkept.ops.correlate.noise.base import FLAPPING, Book, FlapLimits
from wellkept.ops.correlate.noise.noise import Noise
from wellkept.ops.correlate.noise.scopes import called
from wellkept.spine.catalogue import Catalogue, CatalogueSettings, Entry
from wellkept.spine.graph import Graph

SHOP = Graph(
    [
        Entity(EntityKind.HOST, "host:a", "a"),
        Entity(EntityKind.SERVICE, "service:db", "db"),
        Entity(EntityKind.SERVICE, "service:web", "web"),
        Entity(EntityKind.SERVICE, "service:mail", "mail"),
    ],
    [
        Edge("service:db", "host:a", EdgeKind.RUNS_ON, NOON),
        Edge("service:web", "service:db", EdgeKind.CALLS, NOON),
    ],
)


def test_a_silence_holds_what_it_matches_and_lets_go_when_it_ends() -> None:
    noise = Noise(book=Book(silences=(silence('team=~"sh.*"', "alertname=Down", ends=600),)))
    mine, other = alert(team="shop"), alert(team="ops")
    judged = noise.judge([mine, other], NOON)
    held = judged[mine.id]
    assert judged[other.id] is None
    assert held is not None
    assert (held.reason, held.until, held.values["by"]) == (HoldReason.SILENCED, at(600), "ann")
    assert noise.judge([], at(599)) == {}
    assert noise.judge([], at(600)) == {mine.id: None}


def test_a_silence_that_comes_later_holds_what_is_open() -> None:
    noise = Noise()
    mine = alert(team="shop")
    assert noise.judge([mine], NOON) == {mine.id: None}
    noise.use(Book(silences=(silence("team=shop", starts=60, ends=120),)), Graph((), ()))
    assert noise.judge([], at(30)) == {}
    (held,) = noise.judge([], at(60)).values()
    assert held is not None
    assert noise.judge([], at(120)) == {mine.id: None}


def test_what_ends_while_it_is_held_stays_held() -> None:
    noise = Noise(book=Book(silences=(silence("team=shop", ends=600),)))
    mine = alert(team="shop")
    noise.judge([mine], NOON)
    (held,) = noise.judge([over(mine, 30)], at(700)).values()
    assert held is not None
    assert not noise.held


def test_maintenance_holds_what_depends_on_the_entity() -> None:
    window = Maintenance(
        "m", "patching", "ann", "", NOON, ("host:a",), True, (), NOON - timedelta(minutes=1), at(600), None
    )
    noise = Noise(book=Book(maintenance=(window,)), graph=SHOP)
    web, mail = alert(entity="service:web", x="1"), alert(entity="service:mail", x="2")
    judged = noise.judge([web, mail], NOON)
    held = judged[web.id]
    assert held is not None
    assert (held.reason, held.values["entity"]) == (HoldReason.MAINTENANCE, "host:a")
    assert judged[mail.id] is None
    assert noise.judge([], at(600)) == {web.id: None}


def test_maintenance_of_a_host_by_its_name_holds_what_is_on_it() -> None:
    machine = "3d1219c7c4c5404aaa1f6d2a48adfda4"
    host, disk, web = f"host:{machine}", f"disk:{machine}:/var", "service:web"
    entities = [
        Entity(EntityKind.HOST, host, "web-1"),
        Entity(EntityKind.DISK, disk, "/var"),
        Entity(EntityKind.SERVICE, web, "web"),
    ]
    graph = Graph(entities, [Edge(web, host, EdgeKind.RUNS_ON, NOON)])
    hours = (True, (), NOON - timedelta(minutes=1), at(600), None)
    window = Maintenance("m", "patching", "ann", "", NOON, ("host:web-1", "disk:web-1:/var"), *hours)

    alerts = [alert(entity=entity, n=entity) for entity in (host, disk, web)]
    judged = Noise(book=Book(maintenance=(window,)), graph=graph).judge(alerts, NOON)

    held = [judged[one.id] for one in alerts]
    assert [one.values["entity"] for one in held if one] == ["host:web-1", "disk:web-1:/var", "host:web-1"]
    assert called("host:web-1", graph) == [host]
    assert called("host:web-2", graph) == called("disk:web-1:/tmp", graph) == called("service:", graph) == []


def test_an_inhibited_target_is_told_when_its_source_ends_first() -> None:
    rule = InhibitRule("down", matchers("alertname=NodeDown"), matchers("alertname!=NodeDown"), ("node",))
    noise = Noise(book=Book(inhibit=(rule,)))
    source, target, stranger = alert("NodeDown", node="n1"), alert("Slow", node="n1"), alert("Slow", node="n2")
    judged = noise.judge([target, source, stranger], NOON)
    assert judged[source.id] is None
    assert judged[stranger.id] is None
    held = judged[target.id]
    assert held is not None
    assert held.values == {"rule": "down", "source": source.id}
    assert noise.judge([over(source, 60)], at(61))[target.id] is None


def test_empty_labels_inhibit_nothing() -> None:
    rule = InhibitRule("down", matchers("alertname=NodeDown"), matchers("alertname=Slow"), ("node",))
    source, target = alert("NodeDown"), alert("Slow")
    assert Noise(book=Book(inhibit=(rule,))).judge([source, target], NOON) == {source.id: None, target.id: None}


def test_two_that_are_source_and_target_do_not_hold_each_other() -> None:
    rule = InhibitRule("all", matchers("team=shop"), matchers("team=shop"))
    one, other = alert("A", team="shop"), alert("B", team="shop")
    assert Noise(book=Book(inhibit=(rule,))).judge([one, other], NOON) == {one.id: None, other.id: None}


def test_a_count_condition_holds_until_there_is_enough() -> None:
    rule = GroupRule("nodes", matchers("alertname=Down"), ("cluster",), 600, Require(entities=3))
    noise = Noise(book=Book(rules=(rule,)))
    nodes = [alert(cluster="eu", node=str(n), entity=f"host:{n}") for n in range(3)]
    lone = alert(cluster="us", node="9", entity="host:9")
    nameless = alert(node="7", entity="host:7")
    judged = noise.judge([*nodes[:2], lone, nameless], NOON)
    held = judged[nodes[0].id]
    assert held is not None
    assert held.values["entities"] == "2 of 3"
    assert judged[nameless.id] is None, "without the label the rule says nothing"
    assert set(noise.judge([nodes[2]], at(60)).items()) == {(node.id, None) for node in nodes}
    assert noise.held.keys() == {lone.id}


def test_what_had_enough_is_not_taken_back() -> None:
    rule = GroupRule("two", matchers("alertname=Down"), (), 60, Require(findings=2))
    noise = Noise(book=Book(rules=(rule,)))
    one, other = alert(n="1"), alert(n="2")
    noise.judge([one, other], NOON)
    assert noise.judge([over(other, 10)], at(10)) == {other.id: None}
    assert noise.judge([], at(1000)) == {}


def test_three_of_five_nodes() -> None:
    hosts = [Entity(EntityKind.HOST, f"host:{n}", str(n), {"cluster": "eu"}) for n in range(5)]
    hosts += [Entity(EntityKind.HOST, f"host:x{n}", str(n), {"cluster": "us"}) for n in range(50)]
    rule = GroupRule("most", matchers("alertname=Down"), ("cluster",), 600, Require(share=0.6))
    noise = Noise(book=Book(rules=(rule,)), graph=Graph(hosts, ()))
    nodes = [alert(cluster="eu", node=str(n), entity=f"host:{n}") for n in range(3)]
    held = noise.judge(nodes[:2], NOON)[nodes[0].id]
    assert held is not None
    assert held.values["share"] == "40% of 60%"
    assert noise.judge([nodes[2]], NOON)[nodes[0].id] is None


def test_where_no_telemetry_tells_how_many_there_are_what_is_affected_is_all() -> None:
    hosts = [Entity(EntityKind.HOST, f"host:{n}", str(n), {"host.name": str(n)}) for n in range(50)]
    rule = GroupRule("most", matchers("alertname=Down"), ("cluster",), 600, Require(share=0.6))
    noise = Noise(book=Book(rules=(rule,)), graph=Graph(hosts, ()))
    node = alert(cluster="eu", node="1", entity="host:1")
    assert noise.judge([node], NOON)[node.id] is None, "held, it might never be told"


def test_a_share_of_what_the_platform_knows_by_name() -> None:
    pods = [Entity(EntityKind.SERVICE, f"service:shop/{n}", str(n), {}) for n in range(4)]
    rule = GroupRule("most", matchers("alertname=Down"), ("namespace",), 600, Require(share=0.5))
    noise = Noise(book=Book(rules=(rule,)), graph=Graph(pods, ()))
    one, other = (alert(n=str(n), entity=f"service:shop/{n}") for n in range(2))
    assert noise.judge([one], NOON)[one.id] is not None
    assert noise.judge([other], NOON)[one.id] is None


def test_flapping_is_told_once_and_let_go_when_it_is_calm() -> None:
    noise = Noise(FlapLimits(starts=6, ends=2, window_s=600))
    answers = []
    for turn in range(4):
        mine = alert(starts=100 * turn, n="1")
        answers.append(noise.judge([mine], at(100 * turn))[mine.id])
        if turn < 3:
            noise.judge([over(mine, 100 * turn + 50)], at(100 * turn + 50))
    assert [held and held.reason for held in answers] == [None, None, None, HoldReason.FLAPPING]
    (notice,), calm = noise.notices(at(300))
    assert (notice.detector, notice.is_open, calm) == (FLAPPING, True, [])
    assert noise.judge([notice], at(301))[notice.id] is None
    assert noise.notices(at(301)) == ([], [])
    assert noise.judge([], at(700)) == {}
    assert noise.judge([], at(851)) == {mine.id: None}, "two changes are left in the window"
    assert noise.notices(at(851))[1][0].id == notice.id


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=12, unique=True),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_the_order_of_arrival_changes_nothing(drawn: list[tuple[int, int]], random: object, split: int) -> None:
    rule = GroupRule("three", matchers("alertname=~A.*"), ("team",), 3600, Require(findings=3))
    inhibit = InhibitRule("i", matchers("alertname=A0"), matchers("alertname=A1"), ("team",))
    book = Book(silences=(silence("alertname=A2"),), inhibit=(inhibit,), rules=(rule,))
    found = [alert(f"A{kind}", team=str(team), n=f"{kind}{team}") for kind, team in drawn]
    shuffled = found.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    once, parts = Noise(book=book), Noise(book=book)
    once.judge(found, NOON)
    for start in range(0, len(shuffled), split):
        parts.judge(shuffled[start : start + split], NOON)
    assert {k: (v.reason, v.values.get("rule")) for k, v in once.held.items()} == {
        k: (v.reason, v.values.get("rule")) for k, v in parts.held.items()
    }


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(1, 600)), max_size=20), st.integers(0, 2000))
def test_when_every_hold_ends_all_that_is_open_is_told(drawn: list[tuple[int, int]], later: int) -> None:
    book = Book(
        silences=tuple(silence(f"n={n}", starts=0, ends=length, identity=f"{n}-{length}") for n, length in drawn)
    )
    noise = Noise(book=book)
    found = [alert(n=str(n)) for n in range(8)]
    told = {id_ for id_, held in noise.judge(found, NOON).items() if held is None}
    told |= {id_ for id_, held in noise.judge([], at(later)).items() if held is None}
    told |= {id_ for id_, held in noise.judge([], at(3000)).items() if held is None}
    assert told == {finding.id for finding in found}
    assert not noise.held


windows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 500), st.integers(1, 500)), max_size=6)


@given(st.lists(st.tuples(windows, st.integers(0, 900)), min_size=1, max_size=5), st.booleans())
def test_step_by_step_it_holds_what_it_holds_at_once(
    steps: list[tuple[list[tuple[int, int, int]], int]], is_graph_seen: bool
) -> None:
    """Silences and windows come, change, begin and end in any order: what is held follows from what is in force now."""
    found = [alert(n=str(n), entity=f"service:{name}") for n, name in enumerate(("db", "web", "mail", "x", "y"))]
    noise = Noise(graph=SHOP)
    noise.judge(found, NOON)
    for drawn, seconds in steps:
        book = Book(
            silences=tuple(silence(f"n={n}", starts=s, ends=s + w, identity=f"{n}{s}") for n, s, w in drawn if n % 2),
            maintenance=tuple(
                Maintenance(f"{n}{s}", "m", "ann", "", NOON, ("host:a",), True, (), at(s), at(s + w))
                for n, s, w in drawn
                if not n % 2
            ),
        )
        noise.use(book, SHOP)
        if is_graph_seen:
            noise.see(Graph(SHOP.entities.values(), ()))
            noise.see(SHOP)
        noise.judge([], at(seconds))
        fresh = Noise(book=book, graph=SHOP)
        fresh.judge(found, at(seconds))
        assert dict(noise.held) == dict(fresh.held)


def test_owners_of_services_that_are_known_from_alerts_alone_match() -> None:
    whose = Catalogue(CatalogueSettings(entries=(Entry(match="service:pay", owner="payments", tier=1),)))
    book = Book(silences=(silence("owner=payments", "tier=1"),))
    mine, other = alert(entity="service:pay", n="1"), alert(entity="service:web", n="2")
    assert [bool(held) for held in Noise(book=book, whose=whose).judge([mine, other], NOON).values()] == [True, False]
