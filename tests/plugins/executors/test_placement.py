"""Which task goes to which node."""

from __future__ import annotations

from plugins.executors._placement import Place, Placement


def places(**nodes: tuple[float, float]) -> Placement:
    placement = Placement()
    placement.set_nodes({key: Place(key, cpus, gpus) for key, (cpus, gpus) in nodes.items()})
    return placement


def test_tasks_are_placed_in_their_order_until_nothing_is_free() -> None:
    placement = places(a=(2, 0), b=(1, 0))
    for number in range(4):
        placement.add(number, (1, 0))
    placed = [placement.next() for _ in range(4)]
    assert [each and each[0] for each in placed] == [0, 1, 2, None]
    assert sorted(each[1] for each in placed if each) == ["a", "a", "b"]


def test_a_finished_task_makes_room_for_the_next() -> None:
    placement = places(a=(1, 0))
    placement.add(1, (1, 0))
    placement.add(2, (1, 0))
    assert placement.next() == (1, "a")
    assert placement.next() is None
    placement.free(1)
    assert placement.next() == (2, "a")


def test_a_task_goes_where_it_is_wanted_if_that_is_free() -> None:
    placement = places(a=(8, 0), b=(1, 0))
    placement.add(1, (1, 0), "b")
    placement.add(2, (1, 0), "b")
    assert placement.next() == (1, "b")
    assert placement.next() == (2, "a")


def test_a_task_that_finds_no_room_does_not_hold_up_smaller_ones_behind_it() -> None:
    placement = places(a=(2, 1))
    placement.add(1, (1, 1))
    placement.add(2, (1, 1))
    placement.add(3, (1, 0))
    assert [placement.next(), placement.next(), placement.next()] == [(1, "a"), (3, "a"), None]


def test_tasks_without_gpus_leave_nodes_with_gpus_free() -> None:
    placement = places(gpus=(16, 2), plain=(2, 0))
    placement.add(1, (1, 0))
    assert placement.next() == (1, "plain")


def test_thirds_of_a_gpu_fill_it() -> None:
    placement = places(a=(8, 1))
    for number in range(4):
        placement.add(number, (1, 1 / 3))
    assert [placement.next() is not None for _ in range(4)] == [True, True, True, False]


def test_a_task_that_was_taken_back_is_not_placed() -> None:
    placement = places(a=(1, 0))
    placement.add(1, (1, 0))
    assert placement.remove(1)
    assert not placement.remove(1)
    assert placement.next() is None


def test_a_task_that_runs_on_another_node_counts_there() -> None:
    placement = places(a=(1, 0), b=(2, 0))
    placement.add(1, (1, 0), "a")
    placement.next()
    placement.move(1, "b")
    placement.add(2, (2, 0))
    placement.add(3, (1, 0))
    assert placement.next() == (3, "a") or placement.next() is None
    placement.free(1)
    assert placement.next() == (2, "b")


def test_nodes_come_and_go_and_what_was_put_on_the_others_still_counts() -> None:
    placement = places(a=(1, 0))
    placement.add(1, (1, 0))
    placement.next()
    assert placement.set_nodes({"a": Place("a", 1, 0), "b": Place("b", 1, 0)})
    placement.add(2, (1, 0))
    placement.add(3, (1, 0))
    assert placement.next() == (2, "b")
    assert placement.next() is None
    assert placement.set_nodes({"b": Place("b", 1, 0)})
    placement.free(1)
    assert placement.next() is None
    assert not placement.set_nodes({"b": Place("b", 1, 0)})


def test_it_reports_tasks_too_large_for_every_node() -> None:
    placement = places(a=(4, 0))
    placement.add(1, (1, 1))
    placement.add(2, (4, 0))
    placement.add(3, (1, 1))
    assert list(placement.misfits()) == [((1, 1), [1, 3])]
