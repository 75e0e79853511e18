"""A host's side of an intersection that is kept: made once, used by later jobs.

The host keeps its secret scalar and the order of its list, the guest the list. Both halves have the
name of the list, so that two that do not belong together are noticed, and the host's has a digest
of its ids, so that a table that has changed since is noticed too.

Learns: the guest, how many ids the host has; and in every later job it may ask about other ids
against the same list.
Source: FATE 1.x intersect, `run_cache` and the cache input.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from federation.errors import DataProblem, InvalidParameters, Problem
from federation.protocols.psi import GuestSide, HostSide, Ids


class CacheOfOtherRows(DataProblem):
    """The ids are not those a cache was made of."""

    code = "cache_of_other_rows"

    def __init__(self) -> None:
        super().__init__(
            "this party's ids are not the ones the cache was made of, in their order; bind the "
            "same table, or make the cache again (run_cache)"
        )


def host_cache(side: HostSide, ids: Ids, salt: str) -> dict[str, Any]:
    """What a host keeps, in types that can be stored."""
    return {
        "side": "host",
        "name": side.name,
        "scalar": side.scalar,
        "order": side.order,
        "ids": _digest_of(ids),
        "salt": salt,
    }


def guest_cache(sides: Mapping[str, GuestSide], salt: str) -> dict[str, Any]:
    """What a guest keeps, by host."""
    lists = {host: {"name": side.name, "tokens": side.tokens} for host, side in sides.items()}
    return {"side": "guest", "lists": lists, "salt": salt}


def host_side(cache: Mapping[str, Any], ids: Ids) -> HostSide:
    """The kept side of a host.

    Raises:
        InvalidParameters: the cache is another role's.
        CacheOfOtherRows: it was made of other ids.
    """
    _check_role(cache, "host")
    if cache["ids"] != _digest_of(ids):
        raise CacheOfOtherRows
    return HostSide(cache["name"], cache["scalar"], np.asarray(cache["order"], dtype=np.int64))


def guest_sides(cache: Mapping[str, Any], hosts: list[str]) -> dict[str, GuestSide]:
    """The kept lists of a guest, one for each host.

    Raises:
        InvalidParameters: the cache is another role's, or lacks a host.
    """
    _check_role(cache, "guest")
    lists = cache["lists"]
    missing = [host for host in hosts if host not in lists]
    if missing:
        problem = Problem("cache", f"it holds no list of {', '.join(missing)}")
        raise InvalidParameters([problem])
    return {host: GuestSide(lists[host]["name"], lists[host]["tokens"]) for host in hosts}


def _check_role(cache: Mapping[str, Any], role: str) -> None:
    if cache.get("side") != role:
        raise InvalidParameters([Problem("cache", f"it is not the cache of a {role}")])


def _digest_of(ids: Ids) -> bytes:
    state = hashlib.sha256(ids.texts.lengths.tobytes())
    state.update(ids.texts.data)
    return state.digest()
