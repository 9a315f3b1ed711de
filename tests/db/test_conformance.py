"""What every database does, whatever it is made of."""

from __future__ import annotations

import pickle
import threading

import pytest

from beautyspot.db import TaskDB
from beautyspot.entry import Entry, FunctionStats, Query, Row, StatsDelta
from beautyspot.errors import ConfigurationError

EVERYTHING = {
    "func_name": "模型.学習",
    "kind": "cell",
    "input_id": "ab" * 24,
    "version": "2",
    "result_type": "SPOT_BLOB",
    "result_data": None,
    "result_value": "aa/bb",
    "content_type": "image/png",
    "checksum": 2**32 - 1,
    "size": 2**40,
    "created_at": 1_700_000_000.25,
    "expires_at": 1_800_000_000.5,
    "duration": 0.125,
    "code_digest": "cd" * 24,
    "arguments": "x=1, 名='猫'",
    "components": {"arg:x": "00", "code": "11"},
    "tags": ("夜", "a,b", 'q"uote', "line\nfeed", "", "back\\slash"),
    "meta": {"python": "3.11", "writes": ["a", "b"], "n": 1, "none": None, "bytes": b"\x00"},
}


def keys(infos):
    return [info.cache_key for info in infos]


def test_is_a_task_db(db):
    """The protocol is satisfied."""
    assert isinstance(db, TaskDB)
    assert db.remote is False
    assert isinstance(db.label, str)


def test_missing_key(db, key):
    """A key that was never stored has no row."""
    assert db.get(key(1)) is None


def test_get_returns_what_was_put(db, entry, key):
    """A look-up returns the fields of a hit."""
    db.put(entry(1, expires_at=9.5, duration=0.25))
    row = db.get(key(1))
    assert row == Row("SPOT", b"payload", None, 7, 9.5, 0.25)
    assert type(row) is Row


def test_empty_payload(db, entry, key):
    """No bytes are not the same as no payload."""
    db.put(entry(1, result_data=b""))
    assert db.get(key(1)).result_data == b""


def test_every_field_comes_back(db, entry, key):
    """A list shows every field as it was written, with its type."""
    db.put(entry(1, **EVERYTHING))
    (info,) = db.scan(Query())
    assert info.cache_key == key(1)
    for name, value in EVERYTHING.items():
        if name not in {"result_data", "checksum"}:
            found = getattr(info, name)
            assert (found, type(found)) == (value, type(value)), name
    assert (info.pinned, info.hits, info.last_hit) == (False, 0, None)


def test_creation_time_defaults_to_now(db, clock, key):
    """An entry without a time of creation gets the clock's."""
    db.put(Entry(cache_key=key(1), func_name="f"))
    assert db.scan(Query())[0].created_at == clock.now


def test_replace_resets_hits_and_keeps_pin(db, entry, key):
    """A new result under an old key starts counting again and stays pinned."""
    db.put(entry(1))
    db.touch([(key(1), 3, 5.0)], [])
    db.set_pinned(key(1), pinned=True)
    db.put(entry(1, result_data=b"new", size=3))
    (info,) = db.scan(Query())
    assert (info.size, info.hits, info.last_hit, info.pinned) == (3, 0, None, True)
    assert db.get(key(1)).result_data == b"new"


def test_pin(db, entry, key):
    """Pinning tells whether there is such an entry."""
    db.put(entry(1))
    assert db.set_pinned(key(1), pinned=True)
    assert db.scan(Query())[0].pinned
    assert db.set_pinned(key(1), pinned=False)
    assert not db.scan(Query())[0].pinned
    assert not db.set_pinned(key(2), pinned=True)


def test_delete(db, entry, key):
    """Deleting counts the rows that were there."""
    for seed in range(5):
        db.put(entry(seed))
    assert db.delete([key(0), key(3), key(99)]) == 2
    assert db.delete(key(n) for n in range(5)) == 3
    assert db.delete([]) == 0
    assert db.count(Query()) == (0, 0)


def test_hits_add_up(db, entry, key):
    """Hits are added, the last hit is the latest one, unknown keys are ignored."""
    db.put(entry(1))
    db.touch([(key(1), 2, 10.0), (key(1), 1, 8.0), (key(2), 1, 9.0)], [])
    (info,) = db.scan(Query())
    assert (info.hits, info.last_hit) == (3, 10.0)


def test_stats_by_function(db, entry):
    """Totals add up; functions that were only called or only have entries are listed, too."""
    db.put(entry(1, func_name="b", size=5))
    db.put(entry(2, func_name="b", size=6))
    db.touch([], [StatsDelta("a", misses=1, failures=1, ran=0.5), StatsDelta("猫", hits=1)])
    db.touch([], [StatsDelta("a", hits=2, saved=1.5, ran=0.25)])
    assert db.stats() == [
        FunctionStats("a", 2, 1, 1, 1.5, 0.75, 0, 0),
        FunctionStats("b", 0, 0, 0, 0.0, 0.0, 2, 11),
        FunctionStats("猫", 1, 0, 0, 0.0, 0.0, 0, 0),
    ]


def test_stats_and_counts_follow_writes(db, entry, key):
    """Remembered totals are not served after a change."""
    assert db.count(Query()) == (0, 0)
    assert db.stats() == []
    for n in range(1, 4):
        db.put(entry(n))
        assert db.count(Query()) == (n, 7 * n)
        assert db.stats()[0].entries == n
    db.delete([key(1)])
    assert db.count(Query()) == (2, 14)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"function": "g"}, {1, 3}),
        ({"function": "G"}, set()),
        ({"code_digest": "c2"}, {2}),
        ({"kind": "cell"}, {3}),
        ({"tag": "night"}, {0, 3}),
        ({"tag": "nigh"}, set()),
        ({"tag": ","}, {2}),
        ({"tag": ""}, {1}),
        ({"created_before": 11.0}, {0}),
        ({"created_after": 11.0}, {2, 3}),
        ({"created_after": 10.0, "created_before": 13.0}, {1, 2}),
        ({"expired_at": 50.0}, {1}),
        ({"expired_at": 49.9}, set()),
        ({"function": "f", "tag": "night"}, {0}),
        ({"limit": 0}, set()),
        ({"limit": -1}, set()),
    ],
)
def test_filters(db, entry, key, query, expected):
    """Each filter alone and joined with others."""
    db.put(entry(0, func_name="f", created_at=10.0, tags=("night", "x")))
    db.put(entry(1, func_name="g", created_at=11.0, expires_at=50.0, tags=("",)))
    db.put(entry(2, func_name="f", created_at=12.0, expires_at=60.0, code_digest="c2", tags=("a", ",", "b")))
    db.put(entry(3, func_name="g", created_at=13.0, kind="cell", tags=("Night", "night")))
    assert set(keys(db.scan(Query(**query)))) == {key(n) for n in expected}
    if "limit" not in query:
        assert db.count(Query(**query)) == (len(expected), 7 * len(expected))


def test_key_prefix(db, entry, key):
    """A prefix of the key finds the key."""
    for seed in range(20):
        db.put(entry(seed))
    assert keys(db.scan(Query(key_prefix=key(3)[:6]))) == [key(3)]
    assert db.count(Query(key_prefix="%"))[0] == 0
    assert db.count(Query(key_prefix=""))[0] == 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100%", {0}),
        ("%", {0}),
        ("_", {1}),
        ("a_b", {1}),
        ("\\", {2}),
        ("\\%", set()),
        ("'; DROP TABLE tasks --", {3}),
        ("AXB", {4}),
        ("猫", {5}),
        ("ärger", {6}),
        ("ÄRGER", {6}),
        ("[a-z]*", set()),
        ("", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_text_filter_takes_text_literally(db, entry, key, text, expected):
    """Wildcards and quotes mean themselves; upper and lower case are one, also beyond ASCII."""
    texts = ["p=100%", "a_b", "c:\\dir", "x='; DROP TABLE tasks --'", "axb", "名='猫'", "Ärger"]
    for seed, arguments in enumerate(texts):
        db.put(entry(seed, arguments=arguments))
    assert set(keys(db.scan(Query(text=text)))) == {key(n) for n in expected}


def test_text_filter_sees_name_and_key(db, entry, key):
    """The text is searched in function name, arguments and key."""
    db.put(entry(1, func_name="train"))
    db.put(entry(2, arguments="model='train'"))
    db.put(entry(3))
    assert set(keys(db.scan(Query(text="TRAIN")))) == {key(1), key(2)}
    assert keys(db.scan(Query(text=key(3)[10:30].upper()))) == [key(3)]


@pytest.mark.parametrize("order", ["created_at", "size", "hits", "duration", "func_name"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_through_equal_values(db, entry, key, order, descending):
    """Paging shows every entry once, in order, also where many have the same value."""
    for seed in range(23):
        db.put(
            entry(seed, created_at=float(seed % 3), size=seed % 2, duration=(seed % 4) / 7, func_name=f"f{seed % 3}")
        )
    db.touch([(key(seed), 1 + seed % 2, 1.0) for seed in range(12)], [])
    seen, after = [], None
    while page := db.scan(Query(order=order, descending=descending, limit=5, after=after)):
        assert len(page) <= 5
        seen += [(getattr(info, order), info.cache_key) for info in page]
        after = seen[-1]
    assert seen == sorted(seen, reverse=descending)
    assert len({found for _, found in seen}) == 23


def test_cursor_survives_deletion(db, entry):
    """The next page starts after the cursor's place even if its entry is gone."""
    for seed in range(6):
        db.put(entry(seed, created_at=5.0))
    everything = db.scan(Query())
    page = db.scan(Query(limit=2))
    db.delete([page[-1].cache_key])
    rest = db.scan(Query(after=(5.0, page[-1].cache_key)))
    assert keys(rest) == keys(everything)[2:]


def test_unknown_order(db):
    """An order is never taken as SQL."""
    with pytest.raises(ConfigurationError, match="unknown order 'size; DROP TABLE tasks'"):
        db.scan(Query(order="size; DROP TABLE tasks"))


def test_odd_text_is_stored(db, entry, key):
    """NUL and lone surrogates in texts that users choose neither break nor cut anything."""
    db.put(
        entry(1, func_name="f\udc80", arguments="a\0b\ud800 end", tags=("t\udfff", "z\0"), meta={"m\udc80": "\udc81"})
    )
    (info,) = db.scan(Query(tag="t\udfff"))
    assert info.tags == ("t\udfff", "z\0")
    assert info.meta == {"m\udc80": "\udc81"}
    assert info.arguments.endswith(" end")
    assert db.count(Query(function="f\udc80"))[0] == 1
    assert db.count(Query(text="END"))[0] == 1
    db.touch([("\udc80", 1, 1.0)], [StatsDelta("f\udc80", hits=1)])
    assert len(db.stats()) == 1
    assert db.get("\udc80") is None
    assert db.delete(["\udc80"]) == 0


def test_lease_excludes(db, key):
    """A key has one holder at a time, other keys are free, and release may be said twice."""
    lease = db.lease(key(1))
    assert lease is not None
    assert db.lease(key(1)) is None
    other = db.lease(key(2))
    assert other is not None
    lease.release()
    again = db.lease(key(1))
    assert again is not None
    lease.release()
    assert db.lease(key(1)) is None
    again.release()
    other.release()


def test_lease_is_won_by_one_thread(db, key):
    """Of many threads that ask at once, one gets the lease."""
    start, won = threading.Barrier(8), []

    def ask():
        start.wait()
        lease = db.lease(key(1))
        if lease is not None:
            won.append(lease)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    won[0].release()


def test_odd_keys_can_be_leased(db):
    """A key need not be hexadecimal."""
    for text in ["", "x", "-1", "猫", "\udc80", "7a56e213637131802eca4fc474df84e1", "f" * 48]:
        lease = db.lease(text)
        assert lease is not None
        assert db.lease(text) is None
        lease.release()


def test_threads_share(db, entry, key):
    """Threads read and write at the same time without losing anything."""
    errors = []

    def work(number):
        try:
            for n in range(40):
                db.put(entry((number, n)))
                assert db.get(key((number, n))) is not None
                db.touch([(key((number, n)), 1, 1.0)], [StatsDelta("f", hits=1)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert db.count(Query())[0] == 240
    assert db.stats()[0].hits == 240


def test_close_twice_and_go_on(db, entry, key):
    """A closed database keeps what was acknowledged and opens again on use."""
    with db as same:
        assert same is db
        db.put(entry(1))
    db.close()
    assert db.get(key(1)) is not None
    db.put(entry(2))
    assert db.count(Query())[0] == 2


def test_pickles_as_configuration(db, entry, key):
    """A copy in another process is a working database."""
    db.put(entry(1))
    copy = pickle.loads(pickle.dumps(db))
    assert repr(copy) == repr(db)
    copy.put(entry(2))
    assert copy.get(key(2)) is not None
    copy.close()


def test_ten_thousand_rows(db, entry):
    """A list of ten thousand entries is complete and in order."""
    for seed in range(10_000):
        db.put(entry(seed, created_at=1.0 + seed // 10))
    infos = db.scan(Query(limit=20_000))
    assert len(infos) == 10_000
    assert [info.created_at for info in infos] == sorted((info.created_at for info in infos), reverse=True)
    assert db.count(Query(created_after=500.0)) == (5000, 5000 * 7)


def test_legacy_rows_are_noticed(db, entry, clock):
    """Rows of older versions are found out about within a second."""
    db.put(entry(1))
    assert not db.has_legacy_rows()
    db.put(entry(2, result_type="DIRECT", result_data=None, result_value="1"))
    clock.now += 1.0
    assert db.has_legacy_rows()
