"""Real JupyterLab, Notebook 7 and `beautyspot ui` servers on loopback, a real Chromium, and no other network."""

import ctypes
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

import nbformat
import pytest

from beautyspot.codecs import Codec, join
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry, StatsDelta

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # A second wall: routes see neither workers nor websockets.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="session")
def base_url():
    """No address: pytest-base-url's own fixture warns with pytest 9."""
    return


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": {"width": 1280, "height": 900}, "service_workers": "block"}


@pytest.fixture
def context(context):
    """A browser context that aborts every request that leaves this machine, and fails the test if there was one."""
    outside = []

    def guard(route):
        if urlsplit(route.request.url).hostname in LOOPBACK:
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    context.set_default_timeout(20_000)
    yield context
    assert not outside, f"a page asked for {sorted(set(outside))}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _die_with_parent():
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _answers(url):
    with suppress(OSError), urllib.request.urlopen(url, timeout=2):
        return True
    return False


@contextmanager
def serving(command, *, log, ready, timeout=90, **options):
    """Run a server until the block ends; `ready(log text)` tells when it answers."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=_die_with_parent, **options,  # noqa: PLW1509  (no threads here)
        )  # fmt: skip
    try:
        end = time.monotonic() + timeout
        while not ready(log.read_text(errors="replace")):
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < end, f"{command[:4]} did not answer in time"
            time.sleep(0.1)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Lab:
    def __init__(self, base, token, root, app):
        self.base, self.token, self.root, self.app = base, token, root, app

    def notebook(self, name, cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.root / name)
        return name

    def let_go(self, name):
        """Make the file that a cell waits for."""
        (self.root / f"{name}.go").touch()

    def stop_kernels(self):
        headers = {"Authorization": f"token {self.token}"}

        def ask(path, method):
            request = urllib.request.Request(self.base + path, method=method, headers=headers)
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.read()

        for session in json.loads(ask("/api/sessions", "GET")):
            ask(f"/api/sessions/{session['id']}", "DELETE")

    def open(self, page, name):
        workspace = f"/lab/workspaces/w{secrets.token_hex(4)}/tree/{name}?reset&token={self.token}"
        path = workspace if self.app == "lab" else f"/notebooks/{name}?token={self.token}"
        page.goto(self.base + path, wait_until="domcontentloaded")
        page.wait_for_function(
            """() => { const app = window.jupyterapp; if (!app) return false;
            const found = [...app.shell.widgets('main')].find(w => w.context?.sessionContext && w.content?.widgets);
            window.__notebook = found;
            return found?.context.sessionContext.session?.kernel?.status === 'idle' }""",
            timeout=90_000,
        )
        return Notebook(page)


class Notebook:
    def __init__(self, page):
        self.page = page

    def _execute(self, index, wait):
        self.page.evaluate(
            f"""i => {{ const notebook = window.__notebook.content;
            notebook.activeCellIndex = i; notebook.deselectAll();
            const done = window.jupyterapp.commands.execute('notebook:run-cell').then(() => null);
            return {"done" if wait else "null"} }}""",
            index,
        )

    def start(self, index):
        """Run a cell and do not wait for it."""
        self._execute(index, wait=False)

    def run(self, index):
        """Run a cell to its end."""
        self._execute(index, wait=True)

    def outputs(self, index):
        return self.page.locator(".jp-CodeCell").nth(index).locator(".jp-OutputArea-output")

    def save(self):
        self.page.evaluate("() => window.__notebook.context.save().then(() => null)")

    def theme(self, name):
        self.page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)


@pytest.fixture(scope="session", params=["lab", "notebook"])
def lab(request, tmp_path_factory):
    """A JupyterLab or Notebook 7 server with folders of its own."""
    home = tmp_path_factory.mktemp("jupyter_" + request.param)
    root = home / "root"
    root.mkdir()
    env = dict(os.environ, BEAUTYSPOT_HOME=str(home / "beautyspot"))
    for name in (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
        "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR",
    ):  # fmt: skip
        env[name] = str(home / name.lower())
        Path(env[name]).mkdir()
    notes = Path(env["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab", "apputils-extension")
    notes.mkdir(parents=True)
    (notes / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
    port, token = free_port(), secrets.token_hex(16)
    app = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}[request.param]
    command = [
        sys.executable, "-m", "jupyter", request.param, "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={root}", "--ServerApp.terminals_enabled=False", f"--{app}.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    with serving(command, log=home / "server.log", ready=lambda _: _answers(f"{base}/api"), cwd=root, env=env):
        yield Lab(base, token, root, request.param)


class Ui:
    """A running `beautyspot ui`."""

    def __init__(self, process, url, log):
        self.process, self.url, self.log = process, url, log
        self.base = url.partition("?")[0]


@pytest.fixture
def serve_ui(tmp_path):
    """Start `beautyspot ui` for a path, with options."""
    with ExitStack() as stack:

        def start(path, *options):
            log = tmp_path / f"ui-{secrets.token_hex(4)}.log"
            command = [sys.executable, "-m", "beautyspot.cli", "ui", str(path), "--no-browser", *options]
            found = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")
            process = stack.enter_context(serving(command, log=log, ready=found.search))
            return Ui(process, found.search(log.read_text())[0], log)

        yield start


@pytest.fixture
def fill(tmp_path):
    """Make a database from names and values (or pairs of value and content type), `count` entries each."""

    def make(values, count=1):
        path, codec = tmp_path / "cache.db", Codec()
        now = time.time()
        with SQLiteTaskDB(path) as db:
            for number, (name, given) in enumerate(values.items()):
                value, content_type = given if isinstance(given, tuple) else (given, None)
                data = b"".join(bytes(part) for part in join(codec.encode(value)))
                for i in range(count):
                    entry = Entry(
                        cache_key=f"{number:08x}{i:040x}",
                        func_name=name,
                        arguments=f"{name}, i={i}",
                        size=len(data),
                        result_type="SPOT_FRAMES",
                        result_data=data,
                        checksum=crc32(data),
                        content_type=content_type,
                        created_at=now - 60 * number - i,
                        duration=1.5,
                    )
                    db.put(entry)
            db.touch([], [StatsDelta(name, 9, 1, 0, 13.5, 1.5) for name in values])
            db.put(Entry(cache_key="00", func_name="none"))  # so that there is a file even without entries
            db.delete(["00"])
        return path

    return make


@pytest.fixture
def shots(tmp_path):
    """A folder for screenshots: $BEAUTYSPOT_SHOTS if a person wants to look at them."""
    folder = Path(os.environ.get("BEAUTYSPOT_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# The browser itself blends the colours, one ancestor after the other, on a canvas of one pixel.
CONTRASTS = """root => {
    const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
    const pen = canvas.getContext('2d', { willReadFrequently: true });
    const paint = (colour, alpha = 1) => { pen.globalAlpha = alpha; pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1) };
    const light = () => [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).map(v => v / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const found = [], walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const el = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
        if (!text || el.closest('[hidden], .bs-hidden, option, :disabled') || !el.checkVisibility()) continue;
        const line = []; for (let at = el; at; at = at.parentElement) line.unshift(getComputedStyle(at));
        paint('white'); line.forEach(style => paint(style.backgroundColor));
        const back = light(), alpha = line.reduce((product, style) => product * style.opacity, 1);
        paint(getComputedStyle(el).color, alpha);
        const both = [light(), back].sort((a, b) => b - a);
        const contrast = (both[0] + 0.05) / (both[1] + 0.05);
        if (contrast < 4.5) found.push(`${text.slice(0, 30)} ${contrast.toFixed(2)}`);
    }
    return found }"""


@pytest.fixture
def unreadable():
    """Texts of an element whose contrast is below 4.5, with their contrast."""
    return lambda element: element.evaluate(CONTRASTS)
