"""The dashboard inside JupyterLab and Notebook 7."""

import subprocess
import sys

import nbformat
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# Both applications have the same notebook inside: what they do not do themselves is looked at in one of them.
lab_alone = pytest.mark.parametrize("lab", ["lab"], indirect=True)

SETUP = """import time
import beautyspot as bs
spot = bs.Spot("{name}", tpm=6000)

@spot.mark
@spot.limiter(cost=1)
def work(i):
    return f"result <b>{{i}}</b>"

spot.dashboard()"""
BUSY = """for i in range(40):
    work(i % 20)
print("cell end")"""
# Stops in the middle until the test lets it go on.
GATED = """import pathlib
for i in range(40):
    work(i % 20)
    while i == 30 and not pathlib.Path("{name}.go").exists():
        time.sleep(0.02)
print("cell end")"""

SLOW = """import pathlib
def slow():
    while not pathlib.Path("queue.go").exists():
        time.sleep(0.02)
spot.run(slow)"""


def export(lab, name):
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--stdout", str(lab.root / name)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def start(lab, page, name, *cells):
    notebook = lab.open(page, lab.notebook(f"{name}.ipynb", [SETUP.format(name=name), *cells]))
    notebook.run(0)
    expect(page.locator(".bs-dash h2")).to_have_text(name)
    return notebook


def test_counters_move_while_a_cell_runs(lab, page, shots):
    """Counters and entries move during a cell; afterwards contents open and the export shows the last state."""
    notebook = start(lab, page, "live", GATED.format(name="live"))
    hits = page.locator("dd[data-name=hits]")
    expect(hits).to_have_text("0")
    expect(page.locator(".bs-dash")).to_have_count(1)
    page.screenshot(path=shots / f"{lab.app}-empty.png")
    notebook.start(1)
    expect(hits).to_have_text("11")
    expect(notebook.outputs(1)).to_have_count(0)  # the cell has not ended
    page.screenshot(path=shots / f"{lab.app}-busy.png")
    lab.let_go("live")
    expect(notebook.outputs(1).last).to_contain_text("cell end")
    expect(hits).to_have_text("20")
    expect(page.locator("dd[data-name=entries]")).to_have_text("20")
    expect(page.locator(".bs-entries tbody tr")).to_have_count(20)
    expect(page.locator(".bs-snap")).to_be_hidden()
    page.locator(".bs-entries tbody tr").first.get_by_role("button").click()
    expect(page.locator(".bs-detail pre").first).to_have_text("result <b>19</b>")
    page.screenshot(path=shots / f"{lab.app}-detail.png")
    expect(page.locator(".bs-snap")).to_contain_text("This session: 20 hits, 20 misses")
    notebook.save()
    html = export(lab, "live.ipynb")
    (shots / f"{lab.app}-export.html").write_text(html)
    assert "This session: 20 hits, 20 misses" in html
    assert '<table class="bs-tiles">' in html
    assert "<code>i=19</code>" in html
    saved = nbformat.read(lab.root / "live.ipynb", 4)
    kinds = [sorted(output.data) for output in saved.cells[0].outputs]
    assert kinds == [["application/vnd.jupyter.widget-view+json"], ["text/html", "text/plain"]]


def test_a_reopened_notebook_shows_the_last_state(lab, page, shots):
    """Without its kernel the dashboard is its snapshot, and no error message."""
    notebook = start(lab, page, "again", BUSY)
    notebook.run(1)
    expect(page.locator(".bs-snap")).to_contain_text("This session: 20 hits, 20 misses")
    notebook.save()
    page.goto("about:blank")
    lab.stop_kernels()
    lab.open(page, "again.ipynb")
    expect(page.locator(".bs-snap")).to_be_visible()
    expect(page.locator(".bs-snap .bs-tiles td").nth(1)).to_have_text("20")
    error = page.get_by_text("Error displaying widget")
    error.wait_for(state="attached")
    expect(error).to_be_hidden()
    page.screenshot(path=shots / f"{lab.app}-again.png")


@lab_alone
def test_a_click_during_a_cell_is_queued(lab, page):
    """A request to a busy kernel is announced as queued and answered afterwards."""
    notebook = start(lab, page, "queue", "work(1)", SLOW)
    notebook.run(1)
    expect(page.locator(".bs-entries tbody tr")).to_have_count(1)
    running = page.get_by_role("region", name="Running calls")
    expect(running).to_be_hidden()
    notebook.start(2)
    expect(page.locator(".bs-live")).to_have_text("1 running")
    expect(running).to_contain_text("slow")
    page.locator(".bs-entries tbody tr").get_by_role("button").click()
    strip = page.locator(".bs-strip")
    expect(strip).to_contain_text("Queued: the kernel is busy")
    lab.let_go("queue")
    expect(page.locator(".bs-detail pre").first).to_have_text("result <b>1</b>")
    expect(strip).to_be_hidden()


@lab_alone
def test_it_follows_the_theme(lab, page, shots, unreadable):
    """Light and dark follow the notebook, and every text can be read on both."""
    notebook = start(lab, page, "theme", BUSY)
    notebook.run(1)
    dash = page.locator(".bs-dash")
    expect(page.locator("dd[data-name=hits]")).to_have_text("20")
    page.locator(".bs-entries tbody tr").first.get_by_role("button").click()
    expect(page.locator(".bs-detail pre")).to_be_visible()
    for theme, dark in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
        notebook.theme(theme)
        expect(dash).to_have_attribute("data-theme", dark)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)
        page.screenshot(path=shots / f"{lab.app}-{dark}.png")
        assert unreadable(dash) == []


@lab_alone
def test_the_keyboard_stays_in_the_dashboard(lab, page):
    """Keys pressed on its controls do what they say there, and are no commands to the notebook."""
    notebook = start(lab, page, "keys", "work(1)", "'last cell'")
    notebook.run(1)
    button = page.locator(".bs-entries tbody tr").first.get_by_role("button")
    expect(button).to_be_visible()
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    button.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".bs-detail pre").first).to_have_text("result <b>1</b>")
    for key in ("d", "d", "a", "b", "x", "ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    expect(page.locator(".bs-detail")).to_have_count(0)
    expect(button).to_be_focused()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


@lab_alone
def test_it_ends_with_its_cell_its_spot_and_its_kernel(lab, page):
    """A cell that runs again replaces its dashboard; a Spot or kernel that is gone leaves the last numbers."""
    count = "import threading\nsum(t.name == 'beautyspot-dashboard' for t in threading.enumerate())"
    notebook = start(lab, page, "ends", count, "work(1)", "del work, spot\nimport gc\n_ = gc.collect()", "1")
    state, misses = page.locator(".bs-live"), page.locator("dd[data-name=misses]")
    for _ in range(3):
        notebook.run(0)
    expect(page.locator(".bs-dash")).to_have_count(1)
    notebook.run(1)
    expect(notebook.outputs(1).last).to_have_text("1")
    for cell in (2, 3, 4):
        notebook.run(cell)
    expect(state).to_have_text("closed")
    expect(misses).to_have_text("1")
    notebook.run(0)
    expect(state).to_have_text("live")
    page.evaluate("() => window.__notebook.context.sessionContext.restartKernel().then(() => null)")
    expect(state).to_have_text("closed")
    expect(page.locator(".bs-strip")).to_contain_text("The kernel of this dashboard has ended")
