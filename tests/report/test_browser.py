"""The page in a real browser: nothing is loaded, nothing complains, the table sorts."""

from __future__ import annotations

import shutil

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome in PATH"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser, page):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.complaints, tab.requests = [], []
    tab.on("console", lambda message: tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("request", lambda request: tab.requests.append(request.url))
    tab.goto(page.as_uri())
    yield tab
    tab.close()


# "asserts no console error and no request other than the file itself"
def test_nothing_is_loaded_and_nothing_complains(opened, page):
    opened.locator("nav a").last.click()
    asked = {url.split("#")[0] for url in opened.requests if not url.startswith("data:")}
    assert asked == {page.as_uri()}
    assert opened.complaints == []


def test_the_table_sorts_both_ways(opened):
    def column():
        cells = opened.locator("#numbers tbody tr td:nth-child(5)").all()
        return [float(cell.get_attribute("data-value")) for cell in cells]

    before = column()
    head = opened.locator("#numbers th button", has_text="Student").last
    head.click()
    assert column() == sorted(before)
    head.click()
    assert column() == sorted(before, reverse=True)
    assert opened.locator('#numbers th[aria-sort="descending"]').count() == 1


def test_the_table_is_copied_as_csv(opened):
    button = opened.locator("button.copy")
    button.click()
    opened.wait_for_function("document.querySelector('button.copy').textContent === 'Copied'", timeout=3000)
    assert opened.complaints == []


# "a script that got in would not run"
def test_the_security_policy_is_in_force(opened):
    opened.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\\'window.taken = 1\\'>')")
    opened.wait_for_timeout(200)
    assert opened.evaluate("window.taken") is None
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)


# "readable on a phone"
def test_a_phone_does_not_scroll_sideways(opened):
    opened.set_viewport_size({"width": 390, "height": 844})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_dark_page_is_dark(opened):
    colors = []
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        colors.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
        line = opened.evaluate("getComputedStyle(document.querySelector('svg.plot text')).fill")
        assert line == opened.evaluate("getComputedStyle(document.body).color")
    assert colors[0] != colors[1]
