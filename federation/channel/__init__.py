"""The async API over sealed letters: declared messages, peers by role, scopes, links."""

from federation.channel.channel import Channel, Peer, Peers, open_channel
from federation.channel.ledger import LedgerRow
from federation.channel.link import Link, Resumed
from federation.channel.message import Message
from federation.channel.payload import Payload
from federation.channel.seat import Bounds, PeerKeys, Seat

__all__ = [
    "Bounds",
    "Channel",
    "LedgerRow",
    "Link",
    "Message",
    "Payload",
    "Peer",
    "PeerKeys",
    "Peers",
    "Resumed",
    "Seat",
    "open_channel",
]
