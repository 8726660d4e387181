"""The page in a real browser: nothing is loaded, nothing complains, tables sort and copy, figures say their values."""

from __future__ import annotations

import csv
import io
import shutil

import fake_study
import pytest

from w2slab.analysis import collect
from w2slab.report.page import write_report

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


# "every table sorts": by every column, both ways, stably, and what is undefined stays last
def test_every_table_sorts_by_every_column(opened):
    assert opened.locator("main table").count() >= 10
    opened.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")
    wrong = opened.evaluate(
        """() => {
          const wrong = [];
          for (const table of document.querySelectorAll("main table")) {
            [...table.tBodies[0].rows].forEach((row, place) => row.place = place);
            [...table.tHead.rows[0].cells].forEach((head, column) => {
              const number = head.classList.contains("number");
              const value = (row) => {
                const cell = row.cells[column], text = cell.dataset.value ?? cell.textContent.trim();
                return number ? parseFloat(text.replaceAll(",", "").replace("\u2212", "-")) : text;
              };
              for (const sign of [1, -1]) {
                const before = [...table.tBodies[0].rows];
                before.forEach((row, place) => row.place = place);
                head.querySelector("button").click();
                const rows = [...table.tBodies[0].rows];
                for (let i = 1; i < rows.length; i++) {
                  const [x, y] = [value(rows[i - 1]), value(rows[i])];
                  const stable = rows[i - 1].place < rows[i].place;
                  const order = number ? (x - y) * sign : x.localeCompare(y, "en", { numeric: true }) * sign;
                  const fine = number && isNaN(x) ? isNaN(y) && stable : number && isNaN(y) ? true
                    : order < 0 || (order === 0 && stable);
                  if (!fine) wrong.push([table.id, column, sign, i, x, y]);
                }
              }
            });
          }
          return wrong;
        }"""
    )
    assert wrong == []
    assert opened.complaints == []


def copied(tab, table):
    """What the table's button copies, read as CSV."""
    tab.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { configurable: true, value: "
        "{ writeText: (text) => { window.taken = text; return Promise.resolve(); } } })"
    )
    tab.evaluate(
        "(id) => document.getElementById(id).closest('.scroll').previousElementSibling.querySelector('.copy').click()",
        table,
    )
    tab.wait_for_function("window.taken !== undefined", timeout=3000)
    text = tab.evaluate("(() => { const text = window.taken; delete window.taken; return text; })()")
    return list(csv.reader(io.StringIO(text)))


# "every table copies": as wide in every line, numbers as numbers, intervals apart
def test_every_table_is_copied_as_csv(opened):
    opened.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")
    for table in opened.evaluate("[...document.querySelectorAll('main table')].map((table) => table.id)"):
        lines = copied(opened, table)
        assert len(lines) > 1
        assert len({len(line) for line in lines}) == 1, table
    assert opened.complaints == []


def test_a_copied_table_holds_the_numbers_that_are_shown(opened, chess):
    head, *lines = copied(opened, "numbers")
    assert [name for name in head if name.startswith("Student")] == [
        "Student model", "Student", "Student low", "Student high"
    ]  # fmt: skip
    rows = chess[2].reported()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        said = dict(zip(head, line, strict=True))
        assert (said["Supervisor model"], said["Method"]) == (row["weak"], row["method"])
        for end in ("", "_low", "_high"):
            name = f"Student{end.replace('_', ' ')}"
            assert float(said[name]) == pytest.approx(100 * row[f"student_accuracy{end}"], abs=0.051)


def test_the_copy_button_says_that_it_copied(opened):
    opened.locator("button.copy").first.click()
    opened.wait_for_function("document.querySelector('button.copy').textContent === 'Copied'", timeout=3000)
    assert opened.complaints == []


# "Hover values": the pointer, a finger or the keyboard
def test_a_mark_says_its_values_under_the_pointer(opened):
    mark = opened.locator("#sizes svg.plot [data-tip]").nth(8)
    mark.scroll_into_view_if_needed()
    opened.wait_for_timeout(300)
    box = mark.bounding_box()
    opened.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + box["height"] / 2)
    tip = opened.locator(".tip")
    assert tip.is_visible()
    heading, rest = mark.get_attribute("data-tip").split("\n", 1)
    assert tip.locator("b").inner_text() == heading
    assert rest in tip.inner_text()
    place = tip.bounding_box()
    assert place["x"] >= 0
    assert place["y"] >= 0
    assert place["x"] + place["width"] <= 1280
    opened.mouse.move(2, 2)
    assert not tip.is_visible()
    assert opened.complaints == []


def test_a_touch_tells_a_value_and_the_next_takes_it_away(browser, page):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tab = context.new_page()
    tab.goto(page.as_uri())
    plot = tab.locator("#anatomy svg.plot")
    plot.scroll_into_view_if_needed()
    tab.wait_for_timeout(300)
    box = plot.locator("[data-tip]").nth(10).bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert tab.locator(".tip").is_visible()
    inside = tab.locator(".tip").bounding_box()
    assert inside["x"] >= 0
    assert inside["x"] + inside["width"] <= 390
    tab.touchscreen.tap(5, 120)
    assert not tab.locator(".tip").is_visible()
    context.close()


def test_arrow_keys_read_the_values_of_a_figure(opened):
    plot = opened.locator("#methods svg.plot")
    plot.focus()
    opened.wait_for_timeout(700)  # until the page has rolled there
    said = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End"):
        plot.press(key)
        said.append(opened.locator(".tip").inner_text().split("\n")[0])
    tips = [tip.split("\n")[0] for tip in plot.locator("[data-tip]").evaluate_all("all => all.map(m => m.dataset.tip)")]
    assert said == [tips[0], tips[1], tips[0], tips[-1]]
    assert opened.locator(".tip").get_attribute("role") == "status"
    plot.press("Escape")
    assert not opened.locator(".tip").is_visible()


# "hide a method" in all figures and tables at once; on paper all are shown
def test_a_hidden_method_is_hidden_everywhere_and_comes_back(opened):
    def seen(method):
        return opened.evaluate(
            """(method) => {
              const all = [...document.querySelectorAll(`[data-m="${method}"]:not(.key)`)];
              return [all.length, all.filter((part) => getComputedStyle(part).display !== "none").length];
            }""",
            str(method),
        )

    button = opened.locator("#shown button").nth(1)
    assert button.get_attribute("aria-pressed") == "true"
    before = [seen(method) for method in range(3)]
    assert all(there == shown > 100 for there, shown in before)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert [seen(method) for method in range(3)] == [before[0], [before[1][0], 0], before[2]]
    assert opened.locator("#shown .hint").is_visible()
    names = {line[2] for line in copied(opened, "numbers")[1:]}
    assert names == {"naive", "bootstrapping"}
    opened.emulate_media(media="print")
    assert seen(1) == before[1]
    assert not opened.locator("#shown").is_visible()
    opened.emulate_media(media="screen")
    button.click()
    assert [seen(method) for method in range(3)] == before
    assert not opened.locator("#shown .hint").is_visible()
    assert opened.complaints == []


# "Everything must degrade without script"
def test_without_script_all_is_there_but_the_buttons(browser, page):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page.as_uri())
    assert not tab.locator("#shown").is_visible()
    assert tab.locator("button:visible").count() == 0
    assert tab.locator("main table:visible").count() >= 9
    assert tab.locator("svg.plot:visible").count() >= 15
    context.close()


# "a script that got in would not run"
def test_the_security_policy_is_in_force(opened):
    opened.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\\'window.taken = 1\\'>')")
    opened.wait_for_timeout(200)
    assert opened.evaluate("window.taken") is None
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)


# "readable on a phone"
@pytest.mark.parametrize("width", [320, 390, 820, 1280, 1900])
def test_the_page_never_scrolls_sideways(opened, width):
    opened.set_viewport_size({"width": width, "height": 844})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


# "at 1280 px the tables should not need to scroll sideways"; paper cannot
@pytest.mark.parametrize(("media", "width"), [("screen", 1280), ("print", 700)])
def test_no_table_scrolls_sideways_on_a_laptop_or_on_paper(opened, media, width):
    opened.emulate_media(media=media)
    opened.set_viewport_size({"width": width, "height": 900})
    opened.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")
    wide = opened.evaluate(
        "[...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth + 1)"
        ".map((box) => box.firstElementChild.id)"
    )
    assert wide == []


# "no clipped labels"
def test_no_letter_of_a_figure_is_cut_off(opened):
    cut = opened.evaluate(
        """() => [...document.querySelectorAll("svg.plot")].flatMap((plot) => {
          const frame = plot.getBoundingClientRect();
          const foot = frame.bottom;
          return [...plot.querySelectorAll("text")].filter((text) => {
            const box = text.getBoundingClientRect();
            if (box.top >= foot) return false;  // keys that stand elsewhere on the page
            return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > foot + 2;
          }).map((text) => [plot.getAttribute("aria-label"), text.textContent]);
        })"""
    )
    assert cut == []


def test_the_dark_page_is_dark(opened):
    colors = []
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        colors.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
        line = opened.evaluate("getComputedStyle(document.querySelector('svg.plot text')).fill")
        assert line == opened.evaluate("getComputedStyle(document.body).color")
    assert colors[0] != colors[1]


# "A study of 2,000 result rows opens under 5 MB"
def test_a_study_of_2000_students_is_small_and_works(browser, tmp_path):
    plan, store = fake_study.wide_study(tmp_path / "store", n_test=60)
    results = fake_study.on_many_tasks_results(collect(plan, store, resamples=50), 20)
    many = fake_study.on_many_tasks(plan, 20)
    assert len(results.reported()) == 2000
    page = write_report(results, many, store, tmp_path / "out", study_text="name: large\n")
    assert page.stat().st_size < 5_000_000
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(page.as_uri())
    assert tab.locator("#numbers tbody tr").count() == 2000
    assert "Drawn are 6 of 10 methods" in tab.locator("#sizes").inner_text()
    assert "The first 200 of 1,800 rows" in tab.locator("#methods").inner_text()
    assert complaints == []
    tab.close()
