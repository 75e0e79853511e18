"""Random multisets of ids by every method, against Python's sets.

Ten thousand go through each method in a few runs, the ids of each with a number of their own behind
them; some dozens in a run each. `python tests/federation/protocols/test_psi_multisets.py 10000`
takes as many runs as it is told, in turns over the methods.
"""

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

import pytest

from federation.channel import Channel, Message
from federation.channel.memory import run_together
from federation.errors import BlankIds, DuplicateIds
from federation.protocols.psi import (
    CARDINALITY_MESSAGES,
    ECDH_MESSAGES,
    OPRF_MESSAGES,
    RAW_MESSAGES,
    RSA_MESSAGES,
    EcdhOptions,
    Ids,
    RawOptions,
    RsaOptions,
    count_as_guest,
    count_as_host,
    ecdh_guest,
    ecdh_host,
    oprf_guest,
    oprf_host,
    raw_guest,
    raw_host,
    rsa_guest,
    rsa_host,
)
from federation.spec.party import GUEST, HOST, Party

SEED = 20_261_121
G, HOSTS = Party(GUEST, "9999"), (Party(HOST, "10000"), Party(HOST, "10001"))
BLANKS = ("", " ", "\t", "\u3000", " \n")
STRANGE = (
    "é",
    "e\u0301",
    "ß",
    "SS",
    "İ",
    "i",
    "\u200b",
    "\0",
    "a\0",
    "👩‍👩‍👧",
    "𝔘",
    "0",
    "00",
    "0.0",
)
MANY = 10_000
FEW = {"oprf": 6, "rsa": 4}
"""Runs of a method whose runs take long."""

TOGETHER = {"rsa": 200}
"""Multisets in runs of many, where a signature for each id takes long."""

Run = Callable[[Channel, Sequence[str]], Awaitable[Any]]


def with_options(function: Callable[..., Awaitable[Any]], *options: Any, **more: Any) -> Run:
    return lambda ch, ids: function(ch, ids, *options, **more)


METHODS: dict[str, tuple[Run, Run, tuple[Message, ...]]] = {
    "oprf": (oprf_guest, oprf_host, OPRF_MESSAGES),
    "ecdh": (
        with_options(ecdh_guest, EcdhOptions(salt="s")),
        with_options(ecdh_host, EcdhOptions(salt="s")),
        ECDH_MESSAGES,
    ),
    "rsa": (
        with_options(rsa_guest, RsaOptions(hash_method="md5")),
        with_options(rsa_host, RsaOptions(hash_method="md5")),
        RSA_MESSAGES,
    ),
    "raw": (
        with_options(raw_guest, RawOptions(use_hash=True, hash_method="sm3", salt="é")),
        with_options(raw_host, RawOptions(use_hash=True, hash_method="sm3", salt="é")),
        RAW_MESSAGES,
    ),
    "raw at host": (
        with_options(raw_guest, RawOptions(join_role="host")),
        with_options(raw_host, RawOptions(join_role="host")),
        RAW_MESSAGES,
    ),
    "count": (
        with_options(count_as_guest, EcdhOptions(), tell=True),
        with_options(count_as_host, EcdhOptions(), tell=True),
        CARDINALITY_MESSAGES,
    ),
}


def multisets(draw: random.Random) -> list[list[str]]:
    """The ids of a guest and one or two hosts, from one pool; clean ones and others."""
    pool = [draw.choice(STRANGE) * draw.randint(1, 3) for _ in range(draw.randint(1, 8))]
    pool += [str(draw.randint(0, 30)) for _ in range(draw.randint(0, 8))]
    pool += ["".join(chr(draw.randint(33, 0x2FFF)) for _ in range(draw.randint(1, 40)))]
    pool += ["x" * draw.randint(1, 300)]
    clean = draw.random() < 0.75
    made = []
    for _ in range(draw.randint(2, 3)):
        ids = [draw.choice(pool) for _ in range(draw.choice((0, 1, 4, 12, 90)))]
        if clean:
            ids = [text for text in dict.fromkeys(ids) if text.strip()]
        elif draw.random() < 0.5:
            ids.insert(draw.randint(0, len(ids)), draw.choice(BLANKS))
        draw.shuffle(ids)
        made.append(ids)
    return made


@cache
def small_multisets(count: int) -> list[list[list[str]]]:
    """So many, each the ids of three parties, with blank ones and repeated ones among them."""
    draw = random.Random(SEED)
    pool = [text * repeat for text in STRANGE for repeat in (1, 2, 3)] + list(BLANKS)
    pool += [str(number) for number in range(20)] + ["x" * length for length in range(1, 300, 30)]
    pool += ["".join(chr(draw.randint(33, 0x2FFF)) for _ in range(8)) for _ in range(60)]
    made = []
    for _ in range(count):
        near = draw.sample(pool, 6)
        made.append([draw.choices(near, k=draw.choice((0, 1, 3, 8))) for _ in range(3)])
    return made


def clean(ids: Sequence[str]) -> list[str]:
    return [text for text in dict.fromkeys(ids) if text.strip()]


def refusals(sets: list[list[str]]) -> tuple[type[Exception], ...]:
    """What is wrong with some party's ids."""
    blank = any(not text.strip() for ids in sets for text in ids)
    repeated = any(len(set(ids)) < len(ids) for ids in sets)
    return (BlankIds,) * blank + (DuplicateIds,) * repeated


def check(method: str, sets: list[list[str]]) -> None:
    guest, host, messages = METHODS[method]
    roles: dict[Party, Callable[[Channel], Awaitable[Any]]] = {G: lambda ch: guest(ch, sets[0])}
    for party, ids in zip(HOSTS, sets[1:], strict=False):
        roles[party] = lambda ch, ids=ids: host(ch, ids)  # type: ignore[misc]
    if wrong := refusals(sets):
        with pytest.raises(wrong):
            asyncio.run(run_together(roles, messages))
        return
    results = asyncio.run(run_together(roles, messages)).results
    expected = sorted(set.intersection(*map(set, sets)), key=str.encode)
    for party, ids in zip((G, *HOSTS), sets, strict=False):
        found = results[party]
        if method == "count":
            assert found[0] == len(expected)
        else:
            assert [ids[row] for row in found.indices] == expected


@pytest.mark.parametrize("method", METHODS)
def test_random_multisets_give_what_sets_give_or_are_refused(method: str) -> None:
    draw = random.Random(f"{SEED} {method}")
    for _ in range(FEW.get(method, 60)):
        check(method, multisets(draw))


@pytest.mark.parametrize("method", METHODS)
def test_thousands_of_random_multisets_in_few_runs_give_what_sets_give(method: str) -> None:
    made = small_multisets(MANY)[: TOGETHER.get(method, MANY)]
    for turn in range(4):
        parties: list[list[str]] = [[], [], []][: 2 + turn % 2]
        for number, sets in list(enumerate(made))[turn::4]:
            for ids, texts in zip(parties, sets, strict=False):
                ids += [f"{text}#{number}" for text in clean(texts)]
        check(method, parties)


def test_ids_of_ten_thousand_multisets_are_refused_where_a_set_would_lose_some() -> None:
    refused = 0
    for ids, _, _ in small_multisets(MANY):
        if wrong := refusals([ids]):
            refused += 1
            with pytest.raises(wrong):
                Ids(ids).check()
        else:
            Ids(ids).check()
    assert MANY // 4 < refused < MANY


def main() -> None:
    """Check as many multisets as the first argument says."""
    count, started = int(sys.argv[1]), time.monotonic()
    draw = random.Random(SEED)
    refused = 0
    for number in range(count):
        sets = multisets(draw)
        refused += bool(refusals(sets))
        check(list(METHODS)[number % len(METHODS)], sets)
    took = time.monotonic() - started
    print(f"{count} multisets as sets, {refused} of them refused by name, in {took:.1f} s")


if __name__ == "__main__":
    main()
