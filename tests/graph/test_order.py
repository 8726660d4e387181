from __future__ import annotations

from dataclasses import replace

from small_jobs import make

from w2slab.graph.order import ALONE, Order

GROUP = ("small_jobs:together", "batch")


def fused(number, **inputs):
    return replace(make(f"job {number}", number=number, **inputs), fused=GROUP[0], batch=GROUP[1])


def drain(order, group):
    found = []
    while (job := order.pop(group)) is not None:
        found.append(job.spec.number)
    return found


def test_the_longest_way_to_the_end_comes_first_then_the_graphs_order():
    first, second, third = (make(str(i), number=i) for i in range(3))
    order = Order([first, second, third, make("end", number=3, before=third)])

    assert order.next_group() == (ALONE, 1)
    assert drain(order, ALONE) == [2, 0, 1]
    assert not order.has_ready()


def test_a_group_is_next_when_one_of_its_jobs_is_and_says_how_many_are_ready():
    source = make("source", number=0)
    heads = [fused(i, source=source) for i in range(1, 5)]
    order = Order([source, *heads, make("end", number=9, head=heads[2])])

    assert order.next_group() == (ALONE, 1)
    order.finish(order.pop(ALONE))

    assert order.next_group() == (GROUP, 4)
    assert drain(order, GROUP) == [3, 1, 2, 4]


def test_a_job_that_is_put_back_alone_has_no_company():
    jobs = [fused(i) for i in range(3)]
    order = Order(jobs)
    for job in (order.pop(GROUP), order.pop(GROUP)):
        order.put(job, alone=job is jobs[0])

    assert order.next_group() == (ALONE, 1)
    assert drain(order, ALONE) == [0]
    assert drain(order, GROUP) == [1, 2]


def test_a_failure_takes_out_what_follows_it():
    broken, whole = make("broken", number=0), make("whole", number=1)
    both = make("both", number=2, one=broken, two=whole)
    end = make("end", number=3, before=both)
    order = Order([broken, whole, both, end])
    order.fail(broken)

    assert list(order.skip_after(broken)) == [both, end]
    assert drain(order, ALONE) == [0, 1]
    order.finish(whole)
    assert not order.has_ready()
    assert list(order.left) == []
