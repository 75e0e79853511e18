"""`party-agent doctor`: is everything there that an agent needs, and does it work."""

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import aiohttp

from federation.crypto import curve25519, kernels
from federation.errors import TripactError
from federation.program.loop import loop_name, run_loop
from federation.wire.identity import Identity, fingerprint
from federation.wire.session import Session
from party_agent.home import Home
from party_agent.policy import read_policy

_LIBRARIES = ("tripact", "cryptography", "numpy", "pyarrow", "gmpy2", "aiohttp", "pydantic")
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    good: bool
    told: str


def examine(home: Path, coordinator: str | None = None) -> Iterator[Finding]:
    """Look at everything, one thing after the other.

    Args:
        coordinator: a URL to try; without one, that of the coordinator that was joined.
    """
    yield _tried("versions", _versions)
    yield _tried("session crypto", _agree)
    yield _tried("kernels", _kernels)
    yield _tried("curve", _curve)
    yield _tried("event loop", loop_name)
    if not home.exists():
        yield Finding("home", False, f"{home} does not exist; party-agent join makes it")
    else:
        yield _tried("home", lambda: _look_at(Home(home)))
        yield _tried("policy", lambda: _read(home / "policy.toml"))
        joined = Home(home).find_joined()
        coordinator = coordinator or (joined.url if joined else None)
    if coordinator:
        yield _tried("coordinator", lambda: run_loop(_reach(str(coordinator))))


def _tried(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, look())
    except TripactError as error:
        return Finding(subject, False, error.message)
    except Exception as error:
        return Finding(subject, False, f"{type(error).__name__}: {error}")


def _kernels() -> str:
    """How ciphertexts are counted here, and why so."""
    found = kernels.status()
    where = f"go to {found.device}" if found.device else "stay there"
    return (
        f"{found.path} on {found.threads} threads: {found.reason}; "
        f"large batches {where}: {found.batches}"
    )


def _curve() -> str:
    """How points of Curve25519 are multiplied here, and why so."""
    path, reason = curve25519.status()
    return f"{path}: {reason}"


def _versions() -> str:
    found = [f"Python {platform.python_version()} on {sys.platform}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            raise RuntimeError(f"{name} is not installed") from None
    return ", ".join(found)


def _agree() -> str:
    """Let two parties agree on a secret, as agents do for every job."""
    parties = {name: Identity.generate() for name in ("1", "2")}
    digest = bytes(32)
    one, two = (Session(parties[name], digest, 0, name, ["guest"]) for name in ("1", "2"))
    offer = one.check_offer(two.offer.to_bytes(), parties["2"].public, "2")
    secret, letter = one.seal_secret(offer)
    if two.open_secret(letter, parties["1"].public, "1") != secret:
        raise RuntimeError("two parties did not agree on a secret")
    return "Ed25519, ML-KEM-768 with X25519, AES-256-GCM work"


def _look_at(home: Home) -> str:
    key = home.root / "identity.key"
    if key.exists() and key.stat().st_mode & 0o077:
        raise RuntimeError(f"others can read {key}; chmod 600 it, or make a new key and join again")
    joined = home.find_joined()
    if joined is None:
        return f"{home.root}, joined no coordinator yet"
    mine = fingerprint(home.identity().public)
    return f"{home.root}, party {joined.party_id} with key {mine}, joined {joined.url}"


def _read(path: Path) -> str:
    policy = read_policy(path)
    if not path.exists():
        return f"{path} is not there: standalone allows everything, cluster nothing"
    return f"{len(policy.allow)} allow and {len(policy.refuse)} refuse rules"


async def _reach(url: str) -> str:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(f"{url.rstrip('/')}/healthz") as response,
    ):
        if response.status != 200:
            raise RuntimeError(f"{url} answers with status {response.status}")
    return f"{url} answers"
