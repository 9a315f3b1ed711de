"""The limiter: waits, refunds, both colours, threads, forks."""

import asyncio
import math
import multiprocessing
import pickle
import threading
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beautyspot.errors import LimitError
from beautyspot.limits import Limiter, Reservation, evaluate_cost, validate_cost


def test_acquire_paces_a_loop(clock):
    """Sixty a minute is one a second, the first at once, and idle time is not saved up."""
    limiter = Limiter(60, clock=clock, sleep=clock.sleep)
    assert [limiter.acquire() for _ in range(3)] == [0.0, 1.0, 1.0]
    clock.now += 500
    assert [limiter.acquire() for _ in range(3)] == [0.0, 1.0, 1.0]


def test_tasks_are_served_in_order_of_arrival(clock):
    """Tasks that arrive together leave one by one, in the order in which they came."""
    limiter = Limiter(60, clock=clock, pause=clock.pause)

    async def main():
        return await asyncio.gather(*(limiter.acquire_async(1) for _ in range(5)))

    assert asyncio.run(main()) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_several_event_loops_and_threads_share_one_limiter():
    """Event loops in different threads get different places."""
    limiter = Limiter(60, clock=lambda: 0.0, pause=lambda _: asyncio.sleep(0))
    waits = []

    async def main():
        waits.append(await limiter.acquire_async(1))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_threads_never_share_a_place():
    """Two hundred reservations from eight threads tile the timeline without gap or overlap."""
    limiter = Limiter(60, clock=lambda: 0.0)
    waits = []
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        waits.extend(limiter.reserve(1) for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [float(index) for index in range(200)]
    assert limiter.state().waiting == 199


def test_costs_may_be_fractions_and_zero(clock):
    """Float costs are paced exactly; cost 0 goes through even when others wait."""
    limiter = Limiter(6, clock=clock)
    assert [float(limiter.reserve(cost)) for cost in (0.5, 0, 0.25, 1)] == [0.0, 0.0, 5.0, 7.5]
    assert limiter.state().granted == 1.75


def test_cost_up_to_the_quota_is_granted_and_above_it_refused_at_once(clock):
    """What can never be granted fails before anything waits and takes no place."""
    limiter = Limiter(10, clock=clock, name="api")
    with pytest.raises(LimitError, match=r"'api'.*could never be granted"):
        limiter.reserve(10.5)
    with pytest.raises(LimitError, match="could never be granted"):
        limiter.check(11)
    assert limiter.check(10) == 10.0
    assert limiter.reserve(10) == 0.0
    assert limiter.reserve(1) == 60.0


BAD_NUMBERS = [-1, math.nan, math.inf, -math.inf, True, False, None, "1", b"1", 1j, [1], 10**400]


@pytest.mark.parametrize("cost", BAD_NUMBERS, ids=lambda value: repr(value)[:10])
def test_costs_that_are_no_amount_are_refused(cost, clock):
    """Negative, endless, boolean and textual costs are errors, in both colours, and change nothing."""
    limiter = Limiter(60, clock=clock, sleep=clock.sleep, pause=clock.pause)
    with pytest.raises(LimitError):
        limiter.acquire(cost)
    with pytest.raises(LimitError):
        asyncio.run(limiter.acquire_async(cost))
    with pytest.raises(LimitError):
        limiter.refund(cost)
    assert limiter.reserve(1) == 0.0


@pytest.mark.parametrize("tpm", [0, 0.0, 5e-324, *BAD_NUMBERS], ids=lambda value: repr(value)[:10])
def test_quotas_that_are_no_rate_are_refused(tpm):
    """A limiter is made with a finite number above zero or not at all."""
    with pytest.raises(LimitError, match="tpm of limiter 'default'"):
        Limiter(tpm)


def test_bad_burst_is_refused():
    """A burst is zero or more."""
    with pytest.raises(LimitError, match="burst"):
        Limiter(60, burst=-1)


def test_fast_and_slow_quotas():
    """Quotas far below one and far above a million a minute work."""
    slow = Limiter(0.5, clock=lambda: 0.0)
    assert [float(slow.reserve(0.5)) for _ in range(2)] == [0.0, 60.0]
    fast = Limiter(6e9, clock=lambda: 0.0)
    assert fast.reserve(1) == 0.0
    assert fast.reserve(1) == pytest.approx(1e-8)


def test_burst_lets_the_first_ones_go(clock):
    """A burst is spent once and comes back with time."""
    limiter = Limiter(60, burst=2, clock=clock)
    assert [float(limiter.reserve(1)) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    clock.now += 100
    assert [float(limiter.reserve(1)) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


def test_clock_that_steps_back_makes_nobody_wait_longer(clock):
    """After a step of a day the next wait is what the pace asks for, and no more."""
    limiter = Limiter(60, clock=clock)
    limiter.reserve(1)
    clock.now -= 86400
    assert limiter.reserve(1) == 1.0
    clock.now += 10
    assert limiter.reserve(1) == 0.0


def test_interrupted_sleep_is_refunded(clock):
    """Ctrl-C during the wait gives the place back, and the interrupt goes on."""

    def interrupted(_):
        raise KeyboardInterrupt

    limiter = Limiter(60, clock=clock, sleep=interrupted)
    limiter.reserve(1)
    with pytest.raises(KeyboardInterrupt):
        limiter.acquire(5)
    assert limiter.state().granted == 1
    assert limiter.reserve(1) == 1.0


def test_cancelled_task_is_refunded():
    """A cancelled wait in the middle goes to the next one that fits; those who wait keep their places."""
    limiter = Limiter(60, clock=lambda: 0.0)

    async def main():
        limiter.reserve(1)
        tasks = [asyncio.create_task(limiter.acquire_async(cost)) for cost in (1, 1, 1)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        waiting = limiter.state().waiting
        taken = [float(limiter.reserve(cost)) for cost in (2, 1, 1)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return waiting, taken

    assert asyncio.run(main()) == (2, [4.0, 2.0, 6.0])


def test_all_tasks_cancelled_leave_nothing_behind():
    """Cancelling a whole batch gives the whole queue back."""
    limiter = Limiter(60, clock=lambda: 0.0)

    async def main():
        tasks = [asyncio.create_task(limiter.acquire_async(1)) for _ in range(50)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    state = limiter.state()
    assert (state.waiting, state.granted, state.next_slot_in) == (0, 1.0, 1.0)


def test_refund_happens_once(clock):
    """A second refund of the same reservation, or one of a free request, changes nothing."""
    limiter = Limiter(60, clock=clock)
    limiter.reserve(1)
    wait = limiter.reserve(1)
    last = limiter.reserve(1)
    for _ in range(3):
        limiter.refund(1, wait)
    limiter.refund(0, limiter.reserve(0))
    assert limiter.state().granted == 2
    assert limiter.reserve(1) == 1.0
    assert limiter.reserve(1) == 3.0
    assert last == 2.0


def test_refund_by_cost_alone_needs_one_candidate(clock):
    """Without the reservation, a place is given back only if there is no doubt which one it was."""
    limiter = Limiter(60, clock=clock)
    limiter.reserve(1)
    limiter.reserve(3)
    limiter.refund(3)
    assert limiter.reserve(1) == 1.0
    limiter.reserve(1)
    limiter.refund(1)
    assert limiter.reserve(1) == 3.0


def test_refund_of_a_place_that_has_begun_gives_back_the_rest(clock):
    """A refund that comes late can't give back time that has passed."""
    limiter = Limiter(60, clock=clock)
    limiter.reserve(1)
    wait = limiter.reserve(10)
    limiter.reserve(1)
    clock.now += 5
    limiter.refund(10, wait)
    assert [float(limiter.reserve(cost)) for cost in (10, 5, 1, 1)] == [7.0, 0.0, 5.0, 17.0]


def test_state_tells_what_a_dashboard_shows(clock):
    """State counts who waits, what was granted, and when the next request could go."""
    limiter = Limiter(60, clock=clock, name="gpt")
    for _ in range(3):
        limiter.reserve(1)
    state = limiter.state()
    assert (state.name, state.tpm, state.waiting, state.granted, state.next_slot_in) == ("gpt", 60.0, 2, 3.0, 3.0)
    clock.now += 1
    assert limiter.state().waiting == 1
    clock.now += 100
    assert (limiter.state().waiting, limiter.state().next_slot_in) == (0, 0.0)
    assert repr(limiter) == "Limiter(tpm=60, burst=0, name='gpt')"


def test_state_shows_a_place_that_became_free(clock):
    """A hole is where the next request would go."""
    limiter = Limiter(60, clock=clock)
    waits = [limiter.reserve(1) for _ in range(4)]
    limiter.refund(1, waits[2])
    assert limiter.state().next_slot_in == 2.0


def test_pickled_limiter_is_the_agreement_without_the_queue():
    """Another process gets the rate, its own clock and an empty queue."""
    limiter = Limiter(60, burst=1, name="x")
    limiter.reserve(30)
    copy = pickle.loads(pickle.dumps(limiter))
    assert (copy.tpm, copy.burst, copy.name) == (60.0, 1.0, "x")
    assert copy.reserve(1) == 0.0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_child_goes_on_from_the_parents_state():
    """A child starts with a copy of the queue and a lock of its own, even if a thread held it at the fork."""
    limiter = Limiter(60, clock=lambda: 0.0)
    limiter.reserve(1)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with limiter._lock:
        child = context.Process(target=lambda: theirs.send(float(limiter.reserve(1))))
        child.start()
    assert ours.poll(30)
    assert ours.recv() == 1.0
    child.join()
    assert limiter.reserve(1) == 1.0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("arrive"), st.floats(min_value=0.01, max_value=10)),
            st.tuples(st.just("pass"), st.floats(min_value=0, max_value=20)),
            st.tuples(st.just("cancel"), st.floats(min_value=0, max_value=0.999)),
            st.tuples(st.just("step back"), st.floats(min_value=0, max_value=1000)),
        ),
        max_size=50,
    ),
    st.sampled_from([0.0, 5.0]),
)
def test_pace_holds_through_refunds_and_clock_steps(events, burst):
    """Whatever is cancelled and however the clock steps, no window of true time sees more than the pace allows."""
    true, stepped, seen = [0.0], [0.0], [0.0]
    limiter = Limiter(60, burst=burst, clock=lambda: true[0] - stepped[0])
    waiting: list[tuple[float, float, Reservation]] = []
    gone: list[tuple[float, float]] = []
    for event, number in events:
        if event == "arrive":
            wait = limiter.reserve(number)
            assert wait >= 0
            waiting.append((true[0] + wait, number, wait))
        elif event == "pass":
            true[0] += number
        elif event == "step back":
            # Far enough to be noticed, whatever has passed: smaller steps only look like a slow clock.
            stepped[0] += number + true[0] - seen[0] + 1e-3
            limiter.state()
        if event != "pass":
            seen[0] = true[0]
        gone += [item[:2] for item in waiting if item[0] <= true[0]]
        waiting = [item for item in waiting if item[0] > true[0]]
        if event == "cancel" and waiting:
            _, cost, wait = waiting.pop(int(number * len(waiting)))
            limiter.refund(cost, wait)
    # Steps back make the limiter think that more are waiting; sums of floats may differ at the very end of a wait.
    assert limiter.state().waiting >= sum(moment > true[0] + 1e-6 for moment, _, _ in waiting)
    gone = sorted(gone + [item[:2] for item in waiting])
    for first in range(len(gone)):
        tokens, largest = 0.0, 0.0
        for moment, cost in gone[first:]:
            if not burst:  # strict pacing: what went before has had its time
                assert tokens <= moment - gone[first][0] + 1e-6
            tokens += cost
            # With a burst, who fills a hole may go later than one whose slot lies behind it.
            largest = max(largest, cost)
            assert tokens <= moment - gone[first][0] + burst + largest + 1e-6
    assert limiter.state().granted == pytest.approx(sum(cost for _, cost in gone))


@given(st.lists(st.floats(min_value=0.01, max_value=10), min_size=1, max_size=30), st.data())
def test_refunded_places_are_used_again(costs, data):
    """A batch that is cancelled and asked again in the same order ends no later than before."""
    limiter = Limiter(60, clock=lambda: 100.0)
    waits = [limiter.reserve(cost) for cost in costs]
    end = limiter.state().next_slot_in
    chosen = data.draw(st.lists(st.sampled_from(range(len(costs))), unique=True))
    for index in chosen:
        limiter.refund(costs[index], waits[index])
    again = [limiter.reserve(costs[index]) for index in sorted(chosen)]
    assert again == pytest.approx([waits[index] for index in sorted(chosen)], abs=1e-6)
    assert limiter.state().next_slot_in == pytest.approx(end, abs=1e-6)


def test_step_back_forgets_holes(clock):
    """A hole is not filled after a step: nobody can say where it lies among those who wait by true time."""
    limiter = Limiter(60, clock=clock)
    waits = [limiter.reserve(1) for _ in range(3)]
    limiter.refund(1, waits[1])
    clock.now -= 5
    assert limiter.reserve(1) == 3.0


@given(st.lists(st.tuples(st.floats(0.01, 10), st.floats(0, 20), st.floats(0, 30)), max_size=40))
def test_pace_holds_through_any_clock_steps(events):
    """Steps of any size, noticed or not, never make a request go too early while nothing is refunded."""
    true, stepped, grants = [0.0], [0.0], []
    limiter = Limiter(60, clock=lambda: true[0] - stepped[0])
    for cost, gap, step in events:
        grants.append((true[0] + limiter.reserve(cost), cost))
        true[0] += gap
        stepped[0] += step
    for first in range(len(grants)):
        tokens = 0.0
        for moment, cost in grants[first:]:
            assert tokens <= moment - grants[first][0] + 1e-6
            tokens += cost


def test_hole_filled_under_a_burst_stays_within_the_bound(clock):
    """Going ahead of a hole's slot may swap two grants; the window still holds rate, burst and one request."""
    limiter = Limiter(60, burst=5, clock=clock)
    waits = [limiter.reserve(cost) for cost in (1, 5, 1, 3)]
    assert [float(wait) for wait in waits] == [0.0, 0.0, 1.0, 2.0]
    limiter.refund(1, waits[2])
    clock.now += 3
    assert limiter.reserve(1) == 0.0  # granted after 3 s: 1 + 5 + 3 + 1 = 10 tokens, and 3 + 5 + 3 are allowed


def test_cost_functions_see_the_arguments_of_the_call():
    """A constant stays as it is; a function gets the call's arguments."""
    assert evaluate_cost(2) == 2.0
    assert evaluate_cost(lambda text, *, factor=1: len(text) * factor, ("abc",), {"factor": 2}) == 6.0
    assert evaluate_cost(lambda: Fraction(1, 2)) == 0.5


def test_error_of_a_cost_function_is_the_users_own():
    """What a cost function raises arrives as it is."""

    def cost(_):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        evaluate_cost(cost, (1,))


async def slow_cost(text):
    """Return a cost too late."""
    return len(text)


@pytest.mark.parametrize("returned", [None, "3", True, -1, math.nan, object()], ids=lambda value: type(value).__name__)
def test_cost_functions_that_return_no_number_are_named(returned):
    """The message says which function it was."""

    def tokens_of():
        return returned

    with pytest.raises(LimitError, match=r"cost function .*tokens_of returned must be a"):
        evaluate_cost(tokens_of)


def test_async_cost_function_is_refused_without_a_stray_warning():
    """A coroutine is no cost; it is closed, not left to be reported as never awaited."""
    with pytest.raises(LimitError, match="slow_cost returned an awaitable"):
        evaluate_cost(slow_cost, ("abc",))
    with pytest.raises(LimitError, match="partial returned an awaitable"):
        evaluate_cost(partial(slow_cost, "abc"))


@pytest.mark.parametrize("cost", BAD_NUMBERS, ids=lambda value: repr(value)[:10])
def test_bad_constants_are_refused_at_once(cost):
    """A constant cost is checked like a computed one, so that decoration can fail early."""
    with pytest.raises(LimitError):
        validate_cost(cost)
    with pytest.raises(LimitError):
        evaluate_cost(cost)
