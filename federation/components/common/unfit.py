"""The refusal of a letter that is of the declared type and yet not what the protocol has."""

from federation.errors import PeerMisbehaved
from federation.spec.party import Party


class UnfitLetter(PeerMisbehaved):
    """A letter is of the declared type, but not of the size or range the protocol has."""

    code = "unfit_letter"

    def __init__(self, tag: str, party: Party) -> None:
        super().__init__(
            f"{party} sent {tag} in a size or range that does not fit", tag=tag, party=str(party)
        )
