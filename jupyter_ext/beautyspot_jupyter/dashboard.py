"""The dashboard in a browser of its own: a local Panel server of the same front-end module that notebooks show.

Importing this module needs Panel.

Only this machine reaches it (127.0.0.1), and on this machine only who knows the token: the first request brings it in
the URL, gets a cookie and is redirected to the plain address. Every request, websockets and static files included, is
checked for the cookie, for a loopback ``Host`` (against DNS rebinding) and for an ``Origin`` of this server's own.
"""

from __future__ import annotations

import functools
import hmac
import json
import os
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import panel as pn
import param
from tornado.routing import Matcher, Rule
from tornado.web import RequestHandler

from beautyspot.entry import Query
from beautyspot.errors import SpotError
from beautyspot.report.sources import Selection, Source
from beautyspot.report.view import View, wire
from beautyspot_jupyter.static import CSS, ESM

__all__ = ["serve"]

_REFRESH = 2000  # milliseconds between two looks at the database
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; frame-src 'none'; "
    "connect-src 'self' blob: {sockets}; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PAGE_STYLE = """
:root { color-scheme: light dark; }
html { background: #f5f6f8; }
html body { max-width: 1328px; height: auto; margin: 0 auto; padding: 24px; }
@media (prefers-color-scheme: dark) { html { background: #0a0d11; } }
@media (max-width: 700px) { html body { padding: 8px; } }
"""


def serve(
    sources: Sequence[Source],
    *,
    port: int = 0,
    open_browser: bool = True,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve the dashboard of one or more databases until interrupted.

    Args:
        sources: What to show: the first one, until the page chooses another.
        port: TCP port on 127.0.0.1; 0 picks a free one.
        open_browser: Open the page in the default browser.
        announce: Called once, with the address that contains the token, when the server answers.

    Raises:
        OSError: The port is taken.
    """
    port = _usable(port)
    pn.extension(raw_css=[_PAGE_STYLE], notifications=False)
    gate = Gate(port)
    server = pn.io.server.get_server(
        lambda: _session(sources),
        port=port,
        address="127.0.0.1",
        title=f"beautyspot · {sources[0].title}",
        websocket_origin=list(gate.hosts),
        session_history=0,
        show=False,
        start=False,
        transforms=[functools.partial(SecurityHeaders, gate.hosts)],
    )
    # Bokeh offers no place for a check of every request, static files included; the router of its application does.
    server._tornado.add_handlers(r".*", gate.rules())  # noqa: SLF001
    server.start()
    address = f"http://127.0.0.1:{port}/?token={gate.token}"
    announce(address)
    if open_browser:
        # A browser inside the terminal would block the server that it waits for.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    _run(server)


def _usable(port: int) -> int:
    """Return a port that can be bound: the given one, or any for 0.

    Bokeh wants to know the allowed origins, and so the port, before it binds, and leaks its socket if it cannot.
    """
    with socket.socket() as probe:
        if os.name == "posix":  # elsewhere the option would let two programs share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        number: int = probe.getsockname()[1]
        return number


def _run(server: Any) -> None:
    loop = server.io_loop
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: loop.add_callback_from_signal(loop.stop))
    try:
        loop.start()
    finally:
        server.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _session(sources: Sequence[Source]) -> Any:
    """Build the page of one browser tab."""
    selection = Selection(sources)
    view = View(selection)
    component = DashboardComponent(**wire(view.refresh()), sizing_mode="stretch_width")

    def answer(event: Any) -> None:
        try:
            requests = json.loads(event.new)
        except ValueError:
            return
        answers, state = view.answer(requests)
        if answers:
            component.send({"answers": json.dumps(answers)})
        if state is not None:
            component.param.update(**wire(state))

    seen = _facts(selection.current())

    def look() -> None:
        nonlocal seen
        component.beat += 1
        now = _facts(selection.current())
        if now != seen:
            seen = now
            component.param.update(**wire(view.refresh()))

    component.param.watch(answer, "requests")
    pn.state.add_periodic_callback(look, period=_REFRESH)
    return component


def _facts(source: Source) -> object:
    """Return what tells whether the page is out of date. Cheap: every tab asks every two seconds."""
    path = getattr(source.db, "path", None)
    if path is not None:
        return path, _stamp(path), _stamp(f"{path}-wal")
    try:
        return source.db.count(Query()), source.db.stats()
    except SpotError as error:
        return str(error)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


class DashboardComponent(pn.custom.AnyWidgetComponent):  # type: ignore[misc]  # panel is untyped here
    """The front-end module in a Panel page."""

    _esm = ESM
    _stylesheets = [CSS]  # noqa: RUF012  (Panel's declaration)
    state = param.String("")
    rows = param.String("")
    beat = param.Integer(0)
    requests = param.String("[]")
    uid = param.String("")


class Gate:
    """Decides which requests come in.

    Args:
        port: The port that the server listens on.
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(24)
        self.hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self.cookie = f"beautyspot-{port}"  # browsers share cookies between ports
        self.secret = secrets.token_urlsafe(24)

    def rules(self) -> list[Any]:
        """Return routing rules that catch what must not reach the application, and the first visit."""
        return [Rule(_Refused(self), _Forbidden), Rule(_FirstVisit(self), _Welcome, {"gate": self})]

    def trusts(self, request: Any) -> bool:
        """Whether a request comes from this machine's own page or brings the token."""
        origin = request.headers.get("Origin")
        if request.headers.get("Host") not in self.hosts:
            return False
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return False
        cookie = request.cookies.get(self.cookie)
        return self.has_token(request) or (cookie is not None and _same(cookie.value, self.secret))

    def has_token(self, request: Any) -> bool:
        """Whether the URL brings the right token."""
        tokens = request.query_arguments.get("token", [])
        return request.path == "/" and any(_same(token.decode("utf-8", "replace"), self.token) for token in tokens)


class _Refused(Matcher):  # tornado is untyped here
    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def match(self, request: Any) -> dict[str, Any] | None:
        return None if self.gate.trusts(request) else {}


class _FirstVisit(_Refused):
    def match(self, request: Any) -> dict[str, Any] | None:
        return {} if self.gate.has_token(request) else None


class _Forbidden(RequestHandler):
    def prepare(self) -> None:
        self.set_status(403)
        self.finish("403: open the address that beautyspot ui printed, with its token.\n")


class _Welcome(RequestHandler):
    def initialize(self, gate: Gate) -> None:
        self.gate = gate

    def get(self, *_: Any) -> None:
        self.set_cookie(self.gate.cookie, self.gate.secret, httponly=True, samesite="Lax")
        self.redirect("/")


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode("utf-8"))


class SecurityHeaders:
    """Adds headers to every response (an output transform of Tornado)."""

    def __init__(self, hosts: tuple[str, ...], _request: Any) -> None:
        self._sockets = " ".join(f"ws://{host}" for host in hosts)

    def transform_first_chunk(
        self,
        status_code: int,
        headers: Any,
        chunk: bytes,
        finishing: bool,  # noqa: ARG002
    ) -> tuple[int, Any, bytes]:
        """Add the headers."""
        for name, value in _HEADERS.items():
            headers[name] = value.replace("{sockets}", self._sockets)
        return status_code, headers, chunk

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:  # noqa: ARG002
        """Leave the body alone."""
        return chunk
