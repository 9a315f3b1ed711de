"""The dashboard inside JupyterLab and Notebook 7."""

import subprocess
import sys

import nbformat
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

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
    time.sleep(0.1)
print("cell end")"""


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
    notebook = start(lab, page, "live", BUSY)
    hits = page.locator("dd[data-name=hits]")
    expect(hits).to_have_text("0")
    expect(page.locator(".bs-dash")).to_have_count(1)
    page.screenshot(path=shots / f"{lab.app}-empty.png")
    notebook.start(1)
    expect(page.locator("dd[data-name=misses]")).not_to_have_text("0")
    page.wait_for_function(
        "() => { const n = +document.querySelector('dd[data-name=hits]').textContent; return n > 2 && n < 20 }"
    )
    expect(notebook.outputs(1)).to_have_count(0)  # the cell has not ended
    page.screenshot(path=shots / f"{lab.app}-busy.png")
    expect(notebook.outputs(1).last).to_contain_text("cell end")
    expect(hits).to_have_text("20")
    expect(page.locator("dd[data-name=entries]")).to_have_text("20")
    expect(page.locator(".bs-entries tbody tr")).to_have_count(20)
    expect(page.locator(".bs-snap")).to_be_hidden()
    page.locator(".bs-entries tbody tr").first.get_by_role("button").click()
    expect(page.locator(".bs-detail pre").first).to_have_text("result <b>19</b>")
    page.screenshot(path=shots / f"{lab.app}-detail.png")
    notebook.save()
    html = export(lab, "live.ipynb")
    (shots / f"{lab.app}-export.html").write_text(html)
    assert "This session: 20 hits, 20 misses" in html
    assert '<table class="bs-tiles">' in html
    saved = nbformat.read(lab.root / "live.ipynb", 4)
    kinds = [sorted(output.data) for output in saved.cells[0].outputs]
    assert kinds == [["application/vnd.jupyter.widget-view+json"], ["text/html", "text/plain"]]


def test_a_reopened_notebook_shows_the_last_state(lab, page, shots):
    """Without its kernel the dashboard is its snapshot, and no error message."""
    notebook = start(lab, page, "again", BUSY.replace("0.1", "0"))
    notebook.run(1)
    expect(page.locator("dd[data-name=hits]")).to_have_text("20")
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


def test_a_click_during_a_cell_is_queued(lab, page):
    """A request to a busy kernel is announced as queued and answered afterwards."""
    notebook = start(lab, page, "queue", "work(1)", "time.sleep(4)")
    notebook.run(1)
    expect(page.locator(".bs-entries tbody tr")).to_have_count(1)
    notebook.start(2)
    page.locator(".bs-entries tbody tr").get_by_role("button").click()
    strip = page.locator(".bs-strip")
    expect(strip).to_contain_text("Queued: the kernel is busy")
    expect(page.locator(".bs-detail pre").first).to_have_text("result <b>1</b>")
    expect(strip).to_be_hidden()


def test_it_follows_the_theme(lab, page, shots):
    """Light and dark follow the notebook, with text that can be read on both."""
    notebook = start(lab, page, "theme", BUSY.replace("0.1", "0.01"))
    notebook.run(1)
    dash = page.locator(".bs-dash")
    expect(page.locator("dd[data-name=hits]")).to_have_text("20")
    for theme, dark in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
        notebook.theme(theme)
        expect(dash).to_have_attribute("data-theme", dark)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)
        page.screenshot(path=shots / f"{lab.app}-{dark}.png")
        text, back = dash.evaluate("el => { const s = getComputedStyle(el); return [s.color, s.backgroundColor] }")
        assert contrast(text, back) > 7


def contrast(one, two):
    def light(colour):
        parts = [float(part) for part in colour[colour.index("(") + 1 : -1].replace("/", ",").split(",")[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in parts)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_it_lets_go_of_a_spot_that_is_gone(lab, page):
    """The dashboard neither keeps a Spot alive nor breaks when it is gone."""
    notebook = start(lab, page, "gone", "work(1)", "del work, spot\nimport gc\n_ = gc.collect()", "1")
    notebook.run(1)
    expect(page.locator("dd[data-name=misses]")).to_have_text("1")
    notebook.run(2)
    notebook.run(3)
    expect(page.locator(".bs-live")).to_have_text("closed")
    expect(page.locator("dd[data-name=misses]")).to_have_text("1")
