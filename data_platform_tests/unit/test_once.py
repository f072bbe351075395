"""Parts that are made once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from data_platform.wiring.once import once


class House:
    """Its part is made slowly enough that eight threads ask for it meanwhile."""

    def __init__(self) -> None:
        self.asking = threading.Barrier(8)
        self.made = 0
        self.is_second_allowed = threading.Event()

    @once
    def part(self) -> object:
        self.made += 1
        self.is_second_allowed.wait(0.2)
        return object()


def test_a_part_is_made_once_whichever_thread_asks_first() -> None:
    house = House()

    def ask(_number: int) -> object:
        house.asking.wait()
        return house.part

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(8)))
    assert house.made == 1
    assert len({id(one) for one in found}) == 1


def test_what_is_forgotten_is_made_anew() -> None:
    house = House()
    first = house.part
    del house.__dict__["part"]
    assert house.part is not first
