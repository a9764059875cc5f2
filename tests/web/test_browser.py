"""A real browser: it signs in, opens every page in both themes, and approves a plan."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.web.conftest import pass_by
from tests.web.scene import TOKEN, Scene

from wellkept.kernel.plan import PlanState

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="no Chromium on this machine")
expect.set_options(timeout=30_000)  # on a busy machine a page takes longer than the usual five seconds
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM or None, args=[*QUIET])
        yield found
        found.close()


def visitor(browser: Browser, address: str, scheme: str = "light", width: int = 1400) -> tuple[Page, list[str]]:
    """A signed-in page, and the list in which its complaints collect."""
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 900}
    )
    page, complaints = context.new_page(), list[str]()
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(address) else complaints.append(request.url))
    page.goto(f"{address}/?token={TOKEN}")
    return page, complaints


def test_signing_in_by_hand(browser: Browser, address: str) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{address}/approvals")
    expect(page).to_have_url(f"{address}/login")
    page.get_by_label("The token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    page.get_by_label("The token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_without_complaint(browser: Browser, address: str, scene: Scene, scheme: str) -> None:
    page, complaints = visitor(browser, address, scheme)
    expect(page).to_have_url(f"{address}/")
    incidents = [f"/incidents/{incident.id}" for incident in scene.deps.stream.incidents()]
    for path in ("/", "/incidents", *incidents, "/models", "/models/fraud", "/approvals", "/audit"):
        page.goto(address + path)
        expect(page.locator("#pulse")).to_contain_text("live")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(16, 18, 20)" if scheme == "dark" else "rgb(246, 246, 243)")
        assert page.locator("time").count() == 0 or "UTC" not in page.locator("time").first.inner_text()
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("width", [400, 820, 1100, 1400])
def test_no_page_is_wider_than_its_window(browser: Browser, address: str, scene: Scene, width: int) -> None:
    page, _ = visitor(browser, address, width=width)
    incidents = [f"/incidents/{incident.id}" for incident in scene.deps.stream.incidents()]
    for path in ("/", *incidents, "/models", "/models/fraud", "/approvals", "/audit"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.context.close()


def test_the_theme_is_chosen_without_loading_again_and_kept(browser: Browser, address: str) -> None:
    page, complaints = visitor(browser, address)
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 18, 20)"
    page.goto(f"{address}/audit")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 18, 20)"
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert complaints == []
    page.context.close()


def test_the_keyboard_goes_everywhere(browser: Browser, address: str) -> None:
    page, _ = visitor(browser, address)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page).to_have_url(f"{address}/incidents")
    page.context.close()


def test_a_page_keeps_itself_up_to_date_and_leaves_a_person_alone(browser: Browser, address: str, scene: Scene) -> None:
    page, complaints = visitor(browser, address)
    incident = next(found for found in scene.deps.stream.incidents() if "shop/features" in found.title)
    page.goto(f"{address}/incidents/{incident.id}")
    details = page.locator("details[id^=d-]").first
    details.locator("summary").click()
    page.evaluate("window.scrollTo(0, 300)")
    page.evaluate("document.body.dataset.same = 'yes'")
    scene.deps.stream.save_incident(incident.note(scene.now, "grace", "looked at the <b>store</b> of features"))
    pass_by(scene)
    expect(page.get_by_text("looked at the <b>store</b> of features")).to_be_visible()
    expect(details).to_have_attribute("open", "")
    assert page.evaluate("[document.body.dataset.same, window.scrollY]") == ["yes", 300]
    assert complaints == []
    page.context.close()


def test_a_chart_is_read_with_the_pointer(browser: Browser, address: str) -> None:
    page, complaints = visitor(browser, address)
    page.goto(f"{address}/models/fraud")
    page.locator(".line-chart").first.hover()
    expect(page.locator(".readout")).to_contain_text(":")
    assert complaints == []
    page.context.close()


def test_an_incident_is_acted_on_through_its_page(browser: Browser, address: str, scene: Scene) -> None:
    page, complaints = visitor(browser, address)
    incident = next(found for found in scene.deps.stream.incidents() if "shop/features" in found.title)
    page.goto(f"{address}/incidents")
    page.locator(f".lanes-chart a[href='/incidents/{incident.id}']").first.click()
    expect(page).to_have_url(f"{address}/incidents/{incident.id}")
    deeds = page.locator("#deeds")
    deeds.get_by_label("Your name").fill("Ada")
    deeds.get_by_label("Reason, or a note").fill("the store of features is slow")
    deeds.get_by_role("button", name="Mitigated").click()
    expect(page.locator(".heading").get_by_text("mitigated")).to_be_visible()
    expect(page.locator("#story").get_by_text("mitigated: the store of features is slow")).to_be_visible()
    deeds.get_by_label("Reason, or a note").fill("a note by Enter")
    deeds.get_by_label("Reason, or a note").press("Enter")
    expect(page.locator("#story").get_by_text("a note by Enter")).to_be_visible()
    deeds.get_by_text("Hand over").click()
    deeds.get_by_label("Works on it").fill("Grace")
    deeds.get_by_role("button", name="Assign").click()
    expect(page.locator(".heading").get_by_text("works on it")).to_contain_text("Grace")
    assert complaints == []
    page.context.close()


def test_a_plan_is_approved_through_the_page(browser: Browser, address: str, scene: Scene) -> None:
    page, complaints = visitor(browser, address)
    record = next(r for r in scene.deps.gate.plans(state=PlanState.WAITING) if "Restart" in r.plan.title)
    page.goto(f"{address}/incidents/{record.plan.subject}")
    card = page.locator(f"#{record.plan.id}")
    expect(card.get_by_text("pid 4711")).to_be_visible()
    card.get_by_role("button", name="Approve").click()
    assert scene.deps.gate.plans(state=PlanState.WAITING, subject=record.plan.subject)
    card.get_by_label("Your name").fill("Ada")
    card.get_by_label("Reason").fill("the growth is plain to see")
    card.get_by_role("button", name="Approve").click()
    expect(page.locator(f"#{record.plan.id}").get_by_text("the growth is plain to see")).to_be_visible()
    decided = scene.deps.gate.plan(record.plan.id)
    assert decided is not None
    assert decided.decision is not None
    assert (decided.decision.by, decided.decision.plan_hash) == ("Ada", record.plan.hash)
    page.goto(f"{address}/approvals")
    expect(page.get_by_label("Your name").first).to_have_value("Ada")
    assert complaints == []
    page.context.close()
