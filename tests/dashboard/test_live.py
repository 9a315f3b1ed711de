"""The live widget without a browser: what it sends, when, and when it stops."""

import gc
import json
import sys
import threading
import weakref
from html import unescape

import pytest
from IPython.core.events import EventManager

import beautyspot as bs
from beautyspot_jupyter.live import Dashboard
from beautyspot_jupyter.widget import show_dashboard


@pytest.fixture
def spot(tmp_path):
    with bs.Spot("lab", db=tmp_path / "lab.db", storage=tmp_path / "blobs") as spot:
        yield spot


@pytest.fixture
def work(spot):
    @spot.mark
    def work(i):
        return f"value {i}"

    return work


@pytest.fixture
def dashboard(spot):
    dashboard = Dashboard(spot)
    yield dashboard
    dashboard.close()


class Watch:
    """Collects states; `wait` returns the first one that fits."""

    def __init__(self, dashboard):
        self.states, self.news = [], threading.Condition()
        dashboard.observe(self._on_state, "state")

    def _on_state(self, change):
        with self.news:
            self.states.append(json.loads(change["new"]))
            self.news.notify_all()

    def wait(self, fits):
        with self.news:
            assert self.news.wait_for(lambda: any(map(fits, self.states)), timeout=20)
            return next(filter(fits, self.states))


def test_counters_are_pushed_from_a_thread(dashboard, work):
    """Calls change the state without any cell or request."""
    watch = Watch(dashboard)
    work(1)
    work(1)
    state = watch.wait(lambda state: state["session"]["hits"] == 1)
    assert state["session"]["misses"] == 1
    assert state["total"]["hits"] == 1


def test_thousands_of_hits_are_a_few_messages(dashboard, work):
    """Pushes are coalesced: never a message per hit."""
    watch = Watch(dashboard)
    for _ in range(20_000):
        work(1)
    watch.wait(lambda state: state["session"]["hits"] == 19_999)
    assert len(watch.states) < 60


def test_the_end_of_a_cell_reads_the_database(dashboard, work):
    """After a cell the list of entries is up to date."""
    work(1)
    dashboard.cell_ended()
    assert json.loads(dashboard.state)["entries"] == 1
    assert json.loads(dashboard.rows)["rows"][0]["arguments"] == "i=1"
    before = dashboard.state
    dashboard.cell_ended()
    assert dashboard.state == before  # nothing was counted: nothing is read or sent


def test_the_snapshot_shows_totals_and_the_newest_entries(dashboard, work):
    """What a reader without a kernel sees: numbers and the last ten entries."""
    for i in range(12):
        work(i)
    dashboard.cell_ended()
    html = dashboard._static()["text/html"]
    assert "This session: 0 hits, 12 misses" in html
    assert [f"<code>i={i}</code>" in html for i in (11, 2, 1, 0)] == [True, True, False, False]


def test_requests_are_answered_by_message(dashboard, work, monkeypatch):
    """A front end's request gets one answer with the content."""
    work(1)
    sent = []
    monkeypatch.setattr(dashboard, "send", lambda content, **_: sent.append(json.loads(content["answers"])))
    dashboard.cell_ended()
    key = json.loads(dashboard.rows)["rows"][0]["key"]
    request = {"id": "1", "method": "detail", "params": {"key": key}}
    dashboard.requests = json.dumps([request])
    dashboard.requests = json.dumps([request, {"id": "2", "method": "delete", "params": {"key": key}}])
    dashboard.requests = "no json"
    assert [[answer["id"] for answer in answers] for answers in sent] == [["1"], ["2"]]
    assert sent[0][0]["result"]["blocks"][0]["text"] == "value 1"
    assert json.loads(dashboard.state)["entries"] == 0


def test_the_thread_ends_with_the_widget(spot):
    """A closed widget leaves no thread behind."""
    dashboard = Dashboard(spot)
    thread = dashboard._feed.thread
    assert thread.is_alive()
    dashboard.close()
    thread.join(20)
    assert not thread.is_alive()
    dashboard.close()


def test_a_spot_is_not_kept_alive(tmp_path):
    """A Spot that is gone closes the dashboard, with its last counters, and ends the thread."""
    spot = bs.Spot("gone", db=tmp_path / "gone.db", storage=tmp_path / "blobs")
    dashboard = Dashboard(spot)
    watch, thread, ref = Watch(dashboard), dashboard._feed.thread, weakref.ref(spot)
    del spot
    gc.collect()
    assert ref() is None
    watch.wait(lambda state: state["closed"])
    thread.join(20)
    assert not thread.is_alive()
    dashboard.cell_ended()
    assert json.loads(dashboard.state)["closed"] is True
    dashboard.close()


def test_a_terminal_gets_text(spot, work, capsys):
    """Outside notebooks the dashboard is a table."""
    work(1)
    assert show_dashboard(spot) is None
    assert "◆ lab" in capsys.readouterr().out


class Kernel:
    """A shell as IPython's kernels have it."""

    kernel = object()
    execution_count = 3
    cell = "a"

    def get_parent(self):
        return {"metadata": {"cellId": self.cell} if self.cell else {}}

    def __init__(self):
        self.events = EventManager(self, {"pre_run_cell": None, "post_run_cell": None})


def test_without_anywidget_the_snapshot_is_shown(spot, monkeypatch, capsys):
    """A missing extra costs the live view, not the numbers."""
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", Kernel)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    assert show_dashboard(spot) is None
    assert 'pip install "beautyspot[jupyter]"' in unescape(shown[0]["text/html"])
    assert "bs-tiles" in shown[0]["text/html"]


@pytest.fixture
def shell(monkeypatch):
    """The shell of a kernel, whose outputs go nowhere."""
    import IPython

    shell = Kernel()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    return shell


def test_a_cell_that_runs_again_replaces_its_dashboard(spot, shell):
    """The cleared output's dashboard is closed; those of other cells, and of the same run, stay."""
    first = show_dashboard(spot)
    beside = show_dashboard(spot)
    shell.cell, shell.execution_count = "b", 4
    other = show_dashboard(spot)
    shell.cell, shell.execution_count = "a", 5
    again = show_dashboard(spot)
    assert [d._feed.stopped.is_set() for d in (first, beside, other, again)] == [True, True, False, False]
    shell.cell, shell.execution_count = "", 6
    nameless = show_dashboard(spot)
    shell.execution_count = 7
    show_dashboard(spot).close()
    assert not nameless._feed.stopped.is_set()
    for dashboard in (other, again, nameless):
        dashboard.close()


def test_a_forked_child_sends_nothing(dashboard, work, monkeypatch):
    """The front end belongs to the parent."""
    work(1)
    before = dashboard.state
    dashboard._feed.stop()
    monkeypatch.setattr("os.getpid", lambda: -1)
    dashboard.cell_ended()
    assert dashboard.state == before


def test_a_database_that_cannot_be_read_is_told(tmp_path, shell):
    """The dashboard of a damaged database opens, says why it is empty, and goes on counting."""
    (tmp_path / "x.db").write_text("no database at all, but long enough to be looked at " * 50)
    spot = bs.Spot("lab", db=tmp_path / "x.db", storage=tmp_path / "blobs")
    dashboard = show_dashboard(spot)
    try:
        state = json.loads(dashboard.state)
        assert "file is not a database" in state["error"]
        assert (state["title"], state["entries"], state["running"]) == ("lab", 0, [])
    finally:
        dashboard.close()


def test_rows_are_not_sent_with_every_push(dashboard, work):
    """Moving counters alone send no list of entries."""
    work(1)
    dashboard.cell_ended()
    sent = []
    dashboard.observe(lambda change: sent.append(change["name"]), ["state", "rows"])
    work(1)
    dashboard.push(dashboard.view.tick())
    assert "state" in sent
    assert "rows" not in sent


def test_a_dashboard_is_shown_once(spot, monkeypatch):
    """As the last line of a cell it is not shown a second time, in a later cell it is."""
    import IPython

    shell, shown = Kernel(), []
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(sorted(data)))
    dashboard = show_dashboard(spot)
    assert shown == [["application/vnd.jupyter.widget-view+json"], ["text/html", "text/plain"]]
    dashboard._ipython_display_()
    assert len(shown) == 2
    shell.execution_count = 4
    dashboard._ipython_display_()
    assert len(shown) == 4
    assert shell.events.callbacks["post_run_cell"]
    dashboard.close()
    assert not shell.events.callbacks["post_run_cell"]
