"""Who may talk to the standalone dashboard."""

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from beautyspot_jupyter.dashboard import Gate

PORT = 5007


@pytest.fixture
def gate():
    return Gate(PORT)


def request(uri="/", *, cookie=None, host=f"127.0.0.1:{PORT}", origin=None):
    headers = HTTPHeaders({"Host": host})
    if origin is not None:
        headers["Origin"] = origin
    if cookie is not None:
        headers["Cookie"] = cookie
    start = RequestStartLine("GET", uri, "HTTP/1.1")
    return HTTPServerRequest(start_line=start, headers=headers, connection=_Connection())


class _Connection:
    context = None


def test_a_stranger_is_refused(gate):
    """Without token or cookie nothing is answered, whatever the path."""
    for uri in ("/", "/ws", "/static/js/bokeh.min.js", "/?token=", "/?token=wrong", f"/ws?token={gate.token}"):
        assert not gate.trusts(request(uri))


def test_the_token_opens_the_page_and_the_cookie_the_rest(gate):
    """The token is for the first visit alone."""
    cookie = f"{gate.cookie}={gate.secret}"
    assert gate.trusts(request(f"/?token={gate.token}"))
    for uri in ("/", "/ws", "/static/js/bokeh.min.js"):
        assert gate.trusts(request(uri, cookie=cookie))
    assert not gate.trusts(request("/", cookie=f"{gate.cookie}=guess"))
    assert not gate.trusts(request("/", cookie=f"beautyspot-1={gate.secret}"))


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", "", f"127.0.0.1.evil.example:{PORT}"]
)
def test_foreign_hosts_are_refused(gate, host):
    """A name that was rebound to this machine does not get in, even with cookie and token."""
    cookie = f"{gate.cookie}={gate.secret}"
    assert not gate.trusts(request(f"/?token={gate.token}", cookie=cookie, host=host))


@pytest.mark.parametrize("origin", ["http://evil.example", "null", f"https://127.0.0.1:{PORT}", "http://127.0.0.1:1"])
def test_foreign_origins_are_refused(gate, origin):
    """Pages of others cannot connect, even from a browser that holds the cookie."""
    assert not gate.trusts(request("/ws", cookie=f"{gate.cookie}={gate.secret}", origin=origin))


def test_own_origins_are_accepted(gate):
    """Both names of the machine work."""
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{PORT}"
        assert gate.trusts(request("/ws", cookie=f"{gate.cookie}={gate.secret}", host=host, origin=f"http://{host}"))


def test_secrets_differ_from_run_to_run(gate):
    """Every server makes its own secrets."""
    other = Gate(PORT)
    assert len({gate.token, gate.secret, other.token, other.secret}) == 4
