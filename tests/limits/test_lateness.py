"""Waits that take longer than they were meant to: a blocked event loop, a stopped process, a second limit."""

import asyncio
import threading
from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beautyspot.limits import Limiter, Reservation
from beautyspot.limits.limiter import _LATENESS

COSTS = st.floats(min_value=0.01, max_value=20)


class Clock:
    """Shows what it is set to."""

    now = 0.0

    def __call__(self):
        return self.now


def simulate(limiter, clock, arrivals, delays):
    """Let requests arrive, wait, wake up late and ask again; return when each one went, and its cost."""
    events = [(moment, number, cost, None) for number, (moment, cost) in enumerate(sorted(arrivals))]
    went, delays = [], iter(delays)
    while events:
        moment, number, cost, reservation = heappop(events)
        clock.now = max(clock.now, moment)
        wait = 0.0
        if reservation is None:
            wait = reservation = limiter.reserve(cost)
        if wait == 0:
            wait = limiter.confirm(reservation)
        assert wait >= 0
        if wait == 0:
            went.append((clock.now, number, cost))
        else:
            heappush(events, (clock.now + wait + next(delays, 0.0), number, cost, reservation))
    return went


def test_on_time_nothing_is_added(clock):
    """Who wakes up on time goes, also a little late, and nobody behind has to make up for it."""
    limiter = Limiter(60, clock=clock)
    waits = [limiter.reserve(1) for _ in range(4)]
    start = clock.now
    for wait, late in zip(waits[1:], (0.0, 0.09, 0.0), strict=True):
        clock.now = start + wait + late
        assert limiter.confirm(wait) == 0.0
    assert limiter.reserve(1) == 1.0


def test_stopped_process_does_not_burst(clock):
    """After a minute in which nothing ran, sixty waits are over at once: the requests go one by one all the same."""
    limiter = Limiter(60, clock=clock)
    waits = [limiter.reserve(1) for _ in range(61)]
    clock.now += 300
    assert [limiter.confirm(wait) for wait in waits[1:]] == [float(place) for place in range(60)]
    assert limiter.reserve(1) == pytest.approx(60.0, abs=1.01 * _LATENESS)
    assert limiter.state().waiting == 60
    clock.now += 1
    assert limiter.confirm(waits[2]) == 0.0
    assert limiter.confirm(waits[2]) == 0.0


def test_blocked_event_loop_does_not_burst():
    """Tasks whose event loop was blocked for their whole wait go in order and apart from each other."""
    now, went, timers = [0.0], [], []

    async def pause(seconds):
        timer = (now[0] + seconds, asyncio.get_running_loop().create_future())
        timers.append(timer)
        await timer[1]

    limiter = Limiter(60, clock=lambda: now[0], pause=pause)

    async def call(number):
        await limiter.acquire_async()
        went.append((number, now[0]))

    async def main():
        calls = asyncio.gather(*map(call, range(5)))
        await asyncio.sleep(0)
        now[0] = 100.0  # until here the loop was blocked
        while timers:
            timers.sort(key=lambda timer: timer[0])
            now[0] = max(now[0], timers[0][0])
            while timers and timers[0][0] <= now[0]:
                timers.pop(0)[1].set_result(None)
            for _ in range(3):
                await asyncio.sleep(0)
        await calls

    asyncio.run(main())
    assert went == [(0, 0.0), (1, 100.0), (2, 101.0), (3, 102.0), (4, 103.0)]


def test_thread_that_slept_too_long(clock):
    """In a thread, too, the wait goes on until the pace allows the request, and all of it is told."""
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        clock.now += seconds + (50 if len(slept) == 1 else 0)
        if len(slept) == 1:
            for _ in range(2):
                limiter.confirm(others.pop())

    limiter = Limiter(60, clock=clock, sleep=sleep)
    limiter.reserve(1)
    others = [limiter.reserve(1) for _ in range(2)]
    assert limiter.acquire() == 3.0 + 2.0
    assert slept == [3.0, 2.0]


def test_other_limit_was_stricter(clock):
    """A request that another limit held back does not meet one that came later and was held back by none."""
    requests = Limiter(60, clock=clock)
    both = requests.reserve(1)
    assert both == 0.0
    clock.now += 10  # what the other limit asked for
    alone = requests.reserve(1)
    assert requests.confirm(alone) == 0.0
    assert requests.confirm(both) == 1.0
    assert requests.reserve(1) == pytest.approx(2.0, abs=1.01 * _LATENESS)


def test_second_wait_that_is_broken_off_is_given_back(clock):
    """Cancelling the wait that lateness made necessary leaves nobody waiting for it."""
    limiter = Limiter(60, clock=clock)
    waits = [limiter.reserve(1) for _ in range(3)]
    clock.now += 100
    assert limiter.confirm(waits[1]) == 0.0
    assert limiter.confirm(waits[2]) == 1.0
    limiter.refund(1, waits[2])
    assert limiter.state().waiting == 0
    clock.now += 1
    late = limiter.reserve(1)
    clock.now += 50
    assert limiter.confirm(late) == 0.0


@pytest.mark.parametrize("order", [[1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3]])
def test_batch_that_is_broken_off_after_a_stop_is_given_back(clock, order):
    """Ctrl-C on a batch that was stopped for long leaves the next one nothing to wait for."""
    limiter = Limiter(60, clock=clock)
    waits = [limiter.reserve(1) for _ in range(5)]
    assert limiter.confirm(waits[0]) == 0.0
    clock.now += 300
    assert [limiter.confirm(wait) for wait in waits[1:]] == [0.0, 1.0, 2.0, 3.0]
    clock.now += 0.5
    for place in order:
        limiter.refund(1, waits[place])
    assert limiter.state().waiting == 0
    assert limiter.reserve(1) == 0.0


def test_clock_that_stepped_back_during_the_wait(clock):
    """A wait that is over by true time is over, whatever the clock says and whoever went before."""
    limiter = Limiter(60, clock=clock)
    waits = [limiter.reserve(1) for _ in range(4)]
    for wait in reversed(waits[1:]):
        assert limiter.confirm(wait) == 0.0


def test_what_needs_no_confirmation():
    """A plain number, a free request and one that went at once may go."""
    limiter = Limiter(60, clock=lambda: 0.0)
    assert limiter.confirm(3.0) == 0.0
    assert limiter.confirm(limiter.reserve(0)) == 0.0
    assert limiter.confirm(limiter.reserve(1)) == 0.0
    assert limiter.confirm(Reservation(0.0)) == 0.0


@given(
    st.lists(st.tuples(st.floats(0, 200), COSTS), max_size=40),
    st.lists(st.floats(0, 100), max_size=60),
    st.sampled_from([0.0, 5.0]),
)
def test_pace_holds_however_late_they_wake_up(arrivals, delays, burst):
    """No window sees more than rate, burst, what lateness is allowed and one request; and all of them go."""
    clock = Clock()
    went = simulate(Limiter(60, burst=burst, clock=clock), clock, arrivals, delays)
    assert sorted(number for _, number, _ in went) == list(range(len(arrivals)))
    for first in range(len(went)):
        tokens, largest = 0.0, 0.0
        for moment, _, cost in went[first:]:
            # Within the lateness that is allowed, two may change places.
            tokens, largest = tokens + cost, max(largest, cost)
            assert tokens <= moment - went[first][0] + burst + _LATENESS + largest + 1e-6


@given(st.lists(st.tuples(st.floats(0, 200), COSTS), max_size=40), st.floats(0, 0.09))
def test_small_lateness_never_adds_a_wait(arrivals, late):
    """Who wakes up a little late, as everybody does, is never sent to sleep again."""
    clock = Clock()
    limiter = Limiter(60, clock=clock)
    planned = []
    for moment, cost in sorted(arrivals):
        clock.now = moment
        planned.append(moment + limiter.reserve(cost))
    clock = Clock()
    went = simulate(Limiter(60, clock=clock), clock, arrivals, [late] * len(arrivals))
    assert [moment for moment, _, _ in went] == pytest.approx(
        [
            moment + (late if moment > arrived else 0.0)
            for moment, (arrived, _) in zip(planned, sorted(arrivals), strict=True)
        ],
        abs=0.1,
    )


def test_ten_thousand_waiters(clock):
    """A crowd of which half is cancelled, in any order, gives its places to the next ones, one by one."""
    limiter = Limiter(60, clock=clock)
    waits = [limiter.reserve(1) for _ in range(10_000)]
    order = [(7919 * place) % 5000 for place in range(5000)]
    for place in order:
        limiter.refund(1, waits[2 * place + 1])
    assert limiter.state().waiting == 4999
    assert limiter.state().next_slot_in == 1.0
    assert [float(limiter.reserve(1)) for _ in range(5001)] == [*(2.0 * place + 1 for place in range(5000)), 10_000.0]
    assert limiter.state().waiting == 10_000


def test_threads_and_tasks_mixed():
    """Threads that sleep and tasks of several event loops share one pace."""
    lock, now, went = threading.Lock(), [0.0], []

    def pass_time(seconds):
        with lock:
            now[0] = max(now[0], now[0] + seconds / 100)

    def sleep(seconds):
        until = now[0] + seconds
        while now[0] < until:
            pass_time(seconds)

    async def pause(seconds):
        until = now[0] + seconds
        while now[0] < until:
            pass_time(seconds)
            await asyncio.sleep(0)

    limiter = Limiter(60, clock=lambda: now[0], sleep=sleep, pause=pause)

    async def tasks():
        await asyncio.gather(*(limiter.acquire_async(0.5) for _ in range(5)))
        went.append(5)

    def thread():
        limiter.acquire(0.5)
        went.append(1)

    threads = [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(2)]
    threads += [threading.Thread(target=thread) for _ in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(went) == 15
    assert limiter.state().granted == 7.5
    assert now[0] >= 0.5 * 14 - _LATENESS
