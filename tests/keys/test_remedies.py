"""Every remedy that an error names is tried: following it makes a key."""

import re
import sqlite3
import threading
import types

import pytest

from beautyspot.errors import ConfigurationError, UnhashableError
from beautyspot.keys import compile_key, dispatch, register_hash

CONNECTION = sqlite3.connect(":memory:")
SETTINGS = types.SimpleNamespace(lock=threading.Lock())


@pytest.fixture
def registered():
    """Register a hash for the test alone."""
    before = dict(dispatch._registered)
    yield register_hash
    dispatch._registered.clear()
    dispatch._registered.update(before)
    dispatch._found.clear()


def query(text, connection=None):
    """Take an argument that has no hash."""
    return connection, text


def query_default(text, connection=CONNECTION):
    """Have a default that has no hash."""
    return connection, text


def query_global(text):
    """Read a global that has no hash."""
    return CONNECTION.execute(text)


def query_settings(text):
    """Read an object that holds something without a hash."""
    return SETTINGS, text


def query_closure():
    """Return a function that reads a closure variable without a hash."""
    connection = CONNECTION

    def inner(text):
        return connection.execute(text)

    return inner


def calls_with_default(text):
    """Use a helper with a default that has no hash."""
    return query_default(text)


class Session:
    """Has an attribute without a hash."""

    def __init__(self):
        self.lock = threading.Lock()
        self.url = "db:1"

    def run(self, text):
        """Have no hash for self."""
        return self, text


def refusal(function, *args, **options):
    """Return the error of a key that cannot be made."""
    with pytest.raises(UnhashableError) as caught:
        compile_key(function, **options)(args, {})
    return caught.value


def ignored(error):
    """Return what the remedy says to write in `ignore=`."""
    return re.search(r"ignore=\[(.*?)\]", error.remedy)[1].strip("'")


def test_an_argument_is_left_out():
    """`ignore=` with the very name of the message."""
    error = refusal(query, "q", CONNECTION)
    assert (error.where, error.type_name) == ("argument 'connection'", "sqlite3.Connection")
    assert compile_key(query, ignore=[ignored(error)])(("q", CONNECTION), {})
    assert compile_key(query, key=lambda text, connection: text)(("q", CONNECTION), {})


def test_a_default_is_left_out():
    """What is ignored, has a rule or is replaced by `key=` is not looked at as a default either."""
    error = refusal(query_default, "q")
    assert error.where == "argument 'connection'"
    assert compile_key(query_default, ignore=[ignored(error)])(("q",), {})
    assert compile_key(query_default, rules={"connection": lambda _: "db"})(("q",), {})
    assert compile_key(query_default, key=lambda text: text)(("q",), {})
    assert refusal(query_default, "q", sqlite3.connect(":memory:")).where == "argument 'connection'"


def test_a_passed_argument_does_not_excuse_the_default():
    """The default is part of the code; leaving the parameter out helps here, too."""
    error = refusal(query_default, "q", None)
    assert error.where == "default of parameter 'connection'"
    assert compile_key(query_default, ignore=[ignored(error)])(("q", None), {})


@pytest.mark.parametrize(
    ("function", "where"),
    [
        (query_global, "global 'CONNECTION'"),
        (query_settings, "global 'SETTINGS'.lock"),
        (query_closure(), "closure 'connection'"),
        (calls_with_default, "default of parameter 'connection' of query_default()"),
    ],
)
def test_what_is_no_argument_cannot_be_ignored(function, where, registered):
    """The message does not send the reader to an option that would refuse the name; registering the class helps."""
    error = refusal(function, "q")
    assert error.where == where
    assert error.remedy.startswith("make it a parameter and leave that out with ignore=")
    with pytest.raises(ConfigurationError):
        compile_key(function, ignore=[ignored(error)])
    named = re.search(r"the hash of (\S+) with", error.remedy)
    assert (named[1] if named else error.type_name) in {"sqlite3.Connection", "types.SimpleNamespace"}
    for kind in (sqlite3.Connection, types.SimpleNamespace):
        registered(kind, lambda _: "the one")
    assert compile_key(function)(("q",), {})


def test_a_parameter_in_place_of_the_global():
    """The other half of the remedy."""
    error = refusal(query_global, "q")
    assert ignored(error) == "CONNECTION"
    namespace = {}
    exec("def query(text, CONNECTION):\n    return CONNECTION.execute(text)", namespace)
    keys = compile_key(namespace["query"], ignore=[ignored(error)])
    assert keys(("q", CONNECTION), {}) == keys(("q", None), {}) != keys(("p", None), {})


def test_self_is_taught_its_hash(registered):
    """A method's owner cannot be ignored: its class says what counts."""
    error = refusal(Session().run, "q")
    assert "ignore" not in error.remedy
    assert "__spot_hash__" in error.remedy or "register_hash" in error.remedy
    registered(Session, lambda session: session.url)
    assert compile_key(Session().run)(("q",), {}) == compile_key(Session().run)(("q",), {})

    class Hashed(Session):
        """Says what counts."""

        def __spot_hash__(self):
            return self.url

    assert compile_key(Hashed().run)(("q",), {})


def test_key_functions_return_plain_data():
    """`key=` is not told to use `key=`."""
    error = refusal(query, "q", key=lambda text: CONNECTION)
    assert (error.where, error.remedy.partition(",")[0]) == ("the value of key=", "let key= return plain data")


def test_iterators_become_lists():
    """The remedy of what is used up by reading it."""
    error = refusal(query, (x for x in "ab"))
    assert "pass a list" in error.remedy
    assert compile_key(query)((list("ab"),), {})
