import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.models.affinity import preference

ADDRESSES = st.lists(st.text(max_size=20), min_size=1, max_size=8, unique=True)


@given(st.text(), ADDRESSES)
def test_every_address_has_one_place_whatever_their_order(key: str, addresses: list[str]) -> None:
    order = preference(key, addresses)
    assert sorted(order) == sorted(addresses)
    assert preference(key, reversed(addresses)) == order


@given(st.text(), ADDRESSES, st.data())
def test_the_others_keep_their_order_when_one_leaves(
    key: str, addresses: list[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(addresses))
    left = [address for address in addresses if address != gone]
    assert preference(key, left) == [address for address in preference(key, addresses) if address != gone]


@pytest.mark.parametrize("replicas", [2, 3, 8])
def test_issues_are_spread_evenly(replicas: int) -> None:
    addresses = [f"http://10.0.0.{number}:8000/v1" for number in range(replicas)]
    homes = Counter(preference(f"django__django-{number}", addresses)[0] for number in range(2000))
    fair = 2000 / replicas
    assert all(0.8 * fair < homes[address] < 1.2 * fair for address in addresses)


def test_who_leaves_is_replaced_by_all_others_alike() -> None:
    addresses = [f"http://replica-{number}/v1" for number in range(4)]
    orders = [preference(f"issue-{number}", addresses) for number in range(3000)]
    second = Counter(order[1] for order in orders if order[0] == addresses[0])
    fair = second.total() / 3
    assert all(0.75 * fair < second[address] < 1.25 * fair for address in addresses[1:])


def test_other_processes_choose_the_same() -> None:
    addresses = ["http://a/v1", "http://b/v1", "http://c/v1"]
    code = f"from swe_scale.models.affinity import preference; print(preference('pkg-12', {addresses}))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(preference("pkg-12", addresses))


def test_a_key_and_an_address_don_t_run_together() -> None:
    orders = {tuple(preference("a" * size, ["a" * (9 - size), "a" * (8 - size)])) for size in range(8)}
    assert len(orders) == 8


def test_lone_surrogates_are_no_obstacle() -> None:
    assert preference("a\udcff", ["http://a/v1"]) == ["http://a/v1"]
