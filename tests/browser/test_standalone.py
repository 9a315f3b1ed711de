"""`beautyspot ui` in a real browser."""

import base64
import http.client
import io
import os
import signal
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FLAG = "window.__hacked=1;parent.__hacked=1;top.__hacked=1"
SCRIPT = f"<script>{FLAG}</script>"
ACTING = f"{SCRIPT}<img src=x onerror='{FLAG}'><svg onload='{FLAG}'></svg><a href='javascript:{FLAG}'>click me</a>"


def picture():
    out = io.BytesIO()
    Image.fromarray(np.linspace(0, 255, 64 * 32 * 3).reshape(32, 64, 3).astype("u1")).save(out, "PNG")
    return out.getvalue()


def sound():
    return (
        b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"
        b"\x44\xac\x00\x00\x44\xac\x00\x00\x01\x00\x08\x00data\x08\x00\x00\x00" + b"\x80" * 8
    )


def row(page, name):
    button = page.get_by_role("button", name=name, exact=True)
    return page.locator(".bs-entries tbody tr").filter(has=button).first


def open_entry(page, name):
    row(page, name).get_by_role("button").click()
    expect(page.locator(".bs-detail h4")).to_have_text(name)
    return page.locator(".bs-detail")


def status(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def upgrade(ui, path, **headers):
    """Ask for a websocket and return the status."""
    where = urlsplit(ui.base)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
    key = base64.b64encode(b"0123456789abcdef").decode()
    upgrade_headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
    }
    connection.request("GET", path, headers={**upgrade_headers, **headers})
    answer = connection.getresponse().status
    connection.close()
    return answer


def test_only_the_token_opens_it(serve_ui, fill, context, page):
    """Pages, files and websockets are refused without the token, to other hosts and to other origins."""
    ui = serve_ui(fill({"f": "x"}))
    for path in ("", "?token=wrong", "static/js/bokeh.min.js", "ws", "autoload.js"):
        assert status(ui.base + path) == 403, path
    assert upgrade(ui, "/ws") == 403
    page.goto(ui.url)
    expect(page.locator(".bs-dash h2")).to_have_text("cache.db")
    assert page.url == ui.base  # the token has left the address bar
    cookie = "; ".join(f"{item['name']}={item['value']}" for item in context.cookies())
    assert all(item["httpOnly"] for item in context.cookies())
    assert status(ui.base, Cookie=cookie) == 200
    assert status(ui.base, Cookie=cookie, Host="evil.example") == 403
    assert status(ui.base, Cookie=cookie, Origin="http://evil.example") == 403
    assert upgrade(ui, "/ws", Cookie=cookie, Origin="http://evil.example") == 403
    assert upgrade(ui, "/ws", Cookie=cookie, Host="evil.example") == 403


def test_ctrl_c_ends_it(serve_ui, fill, page):
    """An interrupt ends the server without a traceback or a trace in the folder; an open page says so."""
    path = fill({"f": "x"})
    before = path.read_bytes(), path.stat().st_mtime_ns
    ui = serve_ui(path)
    page.clock.install()
    page.goto(ui.url)
    open_entry(page, "f")
    os.kill(ui.process.pid, signal.SIGINT)
    assert ui.process.wait(15) == 0
    assert "Traceback" not in ui.log.read_text()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [file.name for file in path.parent.glob("cache.db-*") if not file.name.endswith("-lease")] == []
    page.clock.run_for(20_000)
    expect(page.locator(".bs-strip")).to_contain_text("The server does not answer")


def test_one_of_several_databases_is_chosen(serve_ui, fill, page):
    """A folder is one dashboard, with a choice; one that cannot be read tells why and harms no other."""
    path = fill({"f": "x", "g": "y"})
    folder = path.parent / "several"
    folder.mkdir()
    path.rename(folder / "a.db")
    (folder / "b.db").write_text("no database at all, but long enough to be looked at " * 50)
    fill({"h": "z"}).rename(folder / "c.db")
    page.goto(serve_ui(folder).url)
    choice = page.get_by_label("Database", exact=True)
    expect(choice.locator("option")).to_have_text(["a.db", "b.db", "c.db"])
    expect(page.locator(".bs-entries tbody tr")).to_have_count(2)
    open_entry(page, "f")
    choice.select_option("c.db")
    expect(page.locator(".bs-detail")).to_have_count(0)
    expect(page.locator("dd[data-name=entries]")).to_have_text("1")
    expect(page.locator(".bs-entries tbody tr")).to_contain_text(["h, i=0"])
    choice.select_option("b.db")
    expect(page.locator(".bs-strip")).to_contain_text("file is not a database")
    expect(page.locator("dd[data-name=entries]")).to_have_text("0")
    choice.select_option("a.db")
    expect(page.locator(".bs-strip")).to_be_hidden()
    expect(page.locator(".bs-entries tbody tr")).to_have_count(2)


def test_a_database_that_disappears(serve_ui, fill, page):
    """A deleted file is told beside the last numbers; once it is back, the page goes on."""
    path = fill({"f": "x"})
    page.goto(serve_ui(path).url)
    expect(page.locator("dd[data-name=entries]")).to_have_text("1")
    path.unlink()
    expect(page.locator(".bs-strip")).to_contain_text("is gone: it was moved or deleted")
    expect(page.locator("dd[data-name=entries]")).to_have_text("1")
    fill({"f": "x", "g": "y"})
    expect(page.locator("dd[data-name=entries]")).to_have_text("2")
    expect(page.locator(".bs-strip")).to_be_hidden()


def test_every_kind_of_content(serve_ui, fill, page, shots, unreadable):
    """Text, trees, tables, arrays, images, sound and Markdown are shown."""
    frame = pd.DataFrame({"city": ["Oslo", "東京"], "n": [1, 2]})
    drawing = "<svg xmlns='http://www.w3.org/2000/svg' width='50' height='20'><rect width='50' height='20'/></svg>"
    path = fill({
        "text": "こんにちは\nworld", "tree": {"user": {"name": "Aya", "tags": [1, 2]}}, "frame": frame,
        "array": np.sin(np.linspace(0, 20, 3000)), "picture": picture(), "sound": sound(),
        "markdown": ("# Result\n\n- *first*\n- second", "text/markdown"), "page": ("<h1>Report</h1>", "text/html"),
        "drawing": (drawing, "image/svg+xml"),
    })  # fmt: skip
    problems = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(serve_ui(path).url)
    expect(page.locator("dd[data-name=entries]")).to_have_text("9")
    expect(page.locator("dd[data-name=hits]")).to_have_text("81")
    expect(page.locator("dd[data-name=rate]")).to_have_text("90%")
    expect(open_entry(page, "text").locator("pre")).to_have_text("こんにちは\nworld")
    expect(open_entry(page, "tree").locator(".bs-tree")).to_contain_text("name: 'Aya'")
    expect(open_entry(page, "frame").locator(".bs-data tbody tr")).to_have_count(2)
    detail = open_entry(page, "array")
    expect(detail.locator("polyline")).to_have_count(1)
    expect(detail).to_contain_text("float64")
    page.screenshot(path=shots / "standalone-array-light.png", full_page=True)
    for name, width in (("picture", 64), ("drawing", 50)):
        image = open_entry(page, name).locator("img")
        expect(image).to_have_js_property("naturalWidth", width)
    expect(open_entry(page, "sound").locator("audio")).not_to_have_js_property("readyState", 0)
    expect(open_entry(page, "markdown").frame_locator("iframe").locator("li em")).to_have_text("first")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(".bs-dash")).to_have_attribute("data-theme", scheme)
        for name in ("tree", "frame", "array"):
            open_entry(page, name)
            assert unreadable(page.locator(".bs-dash")) == []
    expect(open_entry(page, "page").frame_locator("iframe").locator("h1")).to_have_text("Report")
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".bs-dash")).to_have_attribute("data-theme", "dark")
    page.screenshot(path=shots / "standalone-html-dark.png", full_page=True)
    page.keyboard.press("Escape")
    assert problems == []


def test_hostile_content_runs_nothing(serve_ui, fill, page):
    """Names, arguments, HTML, SVG, Markdown and text with scripts leave the page untouched."""
    image = "<image href='http://evil.example/a.png'/>"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload='{FLAG}'>{SCRIPT}{image}</svg>"
    html = f"{ACTING}<img src='http://evil.example/a.png'><link rel=stylesheet href=http://evil.example>"
    page.goto(serve_ui(fill({
        f"name{ACTING}": ACTING, "html": (html, "text/html"),
        "svg": (svg, "image/svg+xml"), "md": (f"# {ACTING}\n![x](http://evil.example/a.png)", "text/markdown"),
        "tree": {ACTING: [ACTING]}, "frame": pd.DataFrame({ACTING: [ACTING]}), "bytes": (ACTING.encode(), "image/png"),
    })).url)  # fmt: skip
    for name in (f"name{ACTING}", "html", "svg", "md", "tree", "frame", "bytes"):
        detail = open_entry(page, name)
        expect(detail.locator(".bs-content > *").first).to_be_visible()
        for frame in page.frames[1:]:
            link = frame.locator("a, body").first
            link.click()
            assert frame.evaluate("window.__hacked") is None
    expect(page.locator(".bs-dash script")).to_have_count(0)
    for iframe in page.locator("iframe").all():
        assert iframe.get_attribute("sandbox") == ""
    assert page.evaluate("window.__hacked") is None


def test_a_frame_cannot_run_scripts_even_if_rewriting_failed(serve_ui, fill, page):
    """The sandbox alone stops a script that someone got into a document."""
    page.goto(serve_ui(fill({"html": ("<p>x</p>", "text/html")})).url)
    open_entry(page, "html")
    page.locator("iframe").evaluate("(frame, html) => { frame.srcdoc = html }", f"<body>{ACTING}<p id=done>done</p>")
    expect(page.frame_locator("iframe").locator("#done")).to_have_text("done")
    assert page.evaluate("window.__hacked") is None


def test_large_things_stay_small(serve_ui, fill, page, shots):
    """Long names, long texts, wide tables and deep trees neither break the page nor slow it down."""
    wide = pd.DataFrame({f"column {i}": [i] for i in range(10_000)})
    deep = {"k" * 300: [[[[["x" * 5000] * 20]]]] * 30}
    name = "とても長い関数名" * 30
    page.goto(serve_ui(fill({"wide": wide, "deep": deep, "long": "line of text\n" * 200_000, name: "w" * 5000})).url)
    for entry, count in (("wide", "20 of 10,000 columns"), ("deep", "1 item"), ("long", "2,600,000 characters")):
        expect(open_entry(page, entry)).to_contain_text(count)
    open_entry(page, name)
    for width in (1280, 760, 380):
        page.set_viewport_size({"width": width, "height": 800})
        page.screenshot(path=shots / f"standalone-large-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_search_sort_filter_and_pages(serve_ui, fill, page):
    """A person finds entries by name, order and page."""
    page.goto(serve_ui(fill({"alpha": "a", "beta": "b", "ガンマ": "c"}, count=20)).url)
    rows = page.locator(".bs-entries tbody tr")
    expect(rows).to_have_count(25)
    expect(page.locator(".bs-range")).to_contain_text("1–25 of 60")
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".bs-range")).to_contain_text("26–50 of 60")
    page.get_by_role("button", name="Next").click()
    expect(rows).to_have_count(10)
    page.get_by_role("button", name="Previous").click()
    expect(page.locator(".bs-range")).to_contain_text("26–50 of 60")
    page.get_by_label("Search entries").fill("ガンマ, i=1")
    expect(rows).to_have_count(11)
    page.get_by_label("Search entries").fill("")
    page.get_by_role("region", name="Functions").get_by_role("button", name="beta").click()
    expect(page.locator(".bs-range")).to_contain_text("of 20")
    page.get_by_role("button", name="Remove the filter beta").click()
    page.get_by_role("button", name="Function", exact=True).click()
    expect(rows.first).to_contain_text("alpha")
    page.get_by_role("button", name="Function", exact=True).click()
    expect(rows.first).to_contain_text("ガンマ")
    page.get_by_label("Search entries").fill("nothing like it")
    expect(page.get_by_text("No entry matches.")).to_be_visible()


def test_it_is_read_only_unless_asked(serve_ui, fill, page):
    """Buttons to pin and delete appear with --allow-edit alone, and work."""
    path = fill({"f": "x", "g": "y"})
    page.goto(serve_ui(path).url)
    expect(page.get_by_text("read-only")).to_be_visible()
    expect(open_entry(page, "f").get_by_role("button")).to_have_text(["Close"])
    page.goto(serve_ui(path, "--allow-edit").url)
    detail = open_entry(page, "f")
    detail.get_by_role("button", name="Pin", exact=True).click()
    expect(detail.get_by_role("button", name="Unpin")).to_be_visible()
    expect(row(page, "f")).to_contain_text("pinned")
    detail.get_by_role("button", name="Delete").click()
    detail.get_by_role("button", name="Delete for good?").click()
    expect(page.locator(".bs-entries tbody tr")).to_have_count(1)


def test_an_empty_cache_and_the_keyboard(serve_ui, fill, page, shots):
    """An empty cache says what will appear; the keyboard reaches every control."""
    page.goto(serve_ui(fill({})).url)
    expect(page.get_by_text("Nothing is stored yet.")).to_be_visible()
    expect(page.locator("dd[data-name=rate]")).to_have_text("–")
    page.screenshot(path=shots / "standalone-empty-light.png")
    page.goto(serve_ui(fill({"f": "x"})).url)
    row(page, "f").get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".bs-detail pre")).to_have_text("x")
    page.keyboard.press("Escape")
    expect(page.locator(".bs-detail")).to_have_count(0)
    expect(row(page, "f").get_by_role("button")).to_be_focused()


def test_another_process_writing_shows_up(serve_ui, fill, page):
    """The page follows a database that others write."""
    path = fill({"f": "x"})
    page.goto(serve_ui(path).url)
    expect(page.locator("dd[data-name=entries]")).to_have_text("1")
    fill({"f": "x", "later": "y"})
    expect(page.locator("dd[data-name=entries]")).to_have_text("2")
    expect(row(page, "later")).to_be_visible()
    page.get_by_label("Search entries").fill("even")
    expect(page.locator(".bs-entries tbody tr")).to_have_count(0)
    fill({"f": "x", "later": "y", "even later": "z"})
    expect(row(page, "even later")).to_be_visible()
