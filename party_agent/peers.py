"""Which key belongs to which party: pinned by the owner, or as first seen where that is allowed.

A roster from the coordinator proves nothing: a coordinator that exchanged a key could read along.
So a key is trusted only if its fingerprint was pinned, by `party-agent trust`, by the policy's
`[peers.keys]`, or (standalone, where all parties are this machine) when it was first seen.
"""

from federation.errors import BadRequest, PeerKeyChanged, PeerNotTrusted
from federation.wire.identity import fingerprint
from party_agent.home import Home
from party_agent.journal import Journal, Pin
from party_agent.policy import Rules

_DIGITS = 32


class Peers:
    """The pins of one agent."""

    def __init__(self, journal: Journal, rules: Rules, home: Home) -> None:
        self._journal = journal
        self._rules = rules
        self._home = home

    def check(self, party_id: str, key: bytes) -> None:
        """Say no to a key that is not the peer's.

        Raises:
            PeerNotTrusted: nobody pinned a key of that party.
            PeerKeyChanged: another one is pinned.
        """
        seen = fingerprint(key)
        listed = self._rules.policy.peers.keys.get(party_id)
        pin = self._journal.find_pin(party_id)
        pinned = listed or (pin.fingerprint if pin else None)
        if pinned is None and self._rules.first_use:
            self._journal.set_pin(Pin(party_id, seen, "first use"))
            return
        if pinned is None:
            raise PeerNotTrusted(party_id, seen, str(self._home.root))
        if _bare(pinned) != _bare(seen):
            raise PeerKeyChanged(party_id, pinned, seen, self._remedy(party_id, seen, listed))

    def trust(self, party_id: str, text: str) -> Pin:
        """Pin the key with that fingerprint, in place of what was pinned before.

        Raises:
            BadRequest: it is not a fingerprint.
        """
        bare = _bare(text)
        if len(bare) != _DIGITS or any(digit not in "0123456789abcdef" for digit in bare):
            raise BadRequest(f"{text!r} is not a fingerprint: eight groups of four digits 0-9a-f")
        groups = ":".join(bare[at : at + 4] for at in range(0, _DIGITS, 4))
        pin = Pin(party_id, groups, "trusted by the owner")
        self._journal.set_pin(pin)
        return pin

    def _remedy(self, party_id: str, seen: str, listed: str | None) -> str:
        if listed:
            return f"change it under [peers.keys] of {self._home.policy}"
        return f"party-agent trust {party_id} {seen} --home {self._home.root}"


def _bare(text: str) -> str:
    return "".join(text.lower().replace(":", " ").split())
