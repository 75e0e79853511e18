"""Private set intersection: which ids all parties have; OPRF, RSA, ECDH, and in the clear."""

from federation.protocols.psi.bloom import Filter, FilterOptions
from federation.protocols.psi.cardinality import (
    CARDINALITY_MESSAGES,
    count_as_guest,
    count_as_host,
)
from federation.protocols.psi.ecdh import (
    ECDH_MESSAGES,
    EcdhOptions,
    GuestSide,
    HostSide,
    ecdh_guest,
    ecdh_host,
    ecdh_keep_guest,
    ecdh_keep_host,
)
from federation.protocols.psi.ids import Column, Ids, Intersection
from federation.protocols.psi.oprf import OPRF_MESSAGES, oprf_guest, oprf_host
from federation.protocols.psi.raw import RAW_MESSAGES, RawOptions, raw_guest, raw_host
from federation.protocols.psi.rsa import RSA_MESSAGES, RsaOptions, rsa_guest, rsa_host

__all__ = [
    "CARDINALITY_MESSAGES",
    "ECDH_MESSAGES",
    "OPRF_MESSAGES",
    "RAW_MESSAGES",
    "RSA_MESSAGES",
    "Column",
    "EcdhOptions",
    "Filter",
    "FilterOptions",
    "GuestSide",
    "HostSide",
    "Ids",
    "Intersection",
    "RawOptions",
    "RsaOptions",
    "count_as_guest",
    "count_as_host",
    "ecdh_guest",
    "ecdh_host",
    "ecdh_keep_guest",
    "ecdh_keep_host",
    "oprf_guest",
    "oprf_host",
    "raw_guest",
    "raw_host",
    "rsa_guest",
    "rsa_host",
]
