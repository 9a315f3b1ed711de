"""The live widget without a browser: what it sends, when, and when it stops."""

import gc
import json
import sys
import threading
import weakref

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
    assert 'beautyspot[jupyter]"' in shown[0]["text/html"]
    assert "bs-tiles" in shown[0]["text/html"]


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
