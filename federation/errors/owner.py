"""Errors on which a data owner can act: refusals, unfit data, numbers out of range."""

from collections.abc import Sequence

from federation.errors.base import TripactError


class PartyRefused(TripactError):
    """A party's policy says no."""

    code = "party_refused"


class CallFailed(PartyRefused):
    """A party's agent answered a question with no."""

    code = "call_failed"

    def __init__(self, party_id: str, method: str, agent_code: str, why: str) -> None:
        super().__init__(
            f"party {party_id} says no to {method}: {why}",
            party_id=party_id,
            method=method,
            agent_code=agent_code,
        )


class InviteUnknown(PartyRefused):
    """A one-time code does not exist, or its secret is wrong."""

    code = "invite_unknown"

    def __init__(self) -> None:
        # Which of the two is nobody's business: a guesser would learn which codes exist.
        super().__init__("this code is not one of ours; check for slips, or ask for a new one")


class JobRefused(PartyRefused):
    """Parties refuse to take part in a job."""

    code = "job_refused"

    def __init__(self, job_id: str, reasons: Sequence[tuple[str, str, str]]) -> None:
        lines = "; ".join(f"party {party}: {message}" for party, _, message in reasons)
        super().__init__(
            f"the job was refused by {lines}",
            job_id=job_id,
            reasons=[list(reason) for reason in reasons],
        )


class NotYourParty(PartyRefused):
    """Somebody asks for what is another party's."""

    code = "not_your_party"

    def __init__(self, party_id: str, asker: str) -> None:
        super().__init__(
            f"what party {party_id} has is for its own users: you ask for party {asker}",
            party_id=party_id,
            asker=asker,
        )


class PolicyRefused(PartyRefused):
    """No rule of a party's policy allows what was asked, or one refuses it."""

    code = "policy_refused"

    def __init__(self, asked: str, rule: str, remedy: str) -> None:
        super().__init__(f"{asked} is refused by {rule}; to allow it: {remedy}", rule=rule)


class PeerNotTrusted(PartyRefused):
    """A job names a party whose key nobody here has pinned."""

    code = "peer_not_trusted"

    def __init__(self, party_id: str, fingerprint: str, home: str) -> None:
        super().__init__(
            f"party {party_id} is not trusted here. Ask it for its fingerprint over another way; "
            f"if it is {fingerprint}: party-agent trust {party_id} {fingerprint} --home {home}",
            peer=party_id,
            fingerprint=fingerprint,
        )


class TableTooSmall(PartyRefused):
    """A party's policy asks for more rows than its table has."""

    code = "table_too_small"

    def __init__(self, table: str, least: int) -> None:
        # The real count stays at home: it is the party's to tell.
        super().__init__(f"{table} has fewer than {least} rows", table=table, least=least)


class DataProblem(TripactError):
    """Rows of one party are not as the component needs them."""

    code = "data_problem"


class BadEncoding(DataProblem):
    """A file is not UTF-8 text."""

    code = "bad_encoding"

    def __init__(self, file: str, offset_bytes: int) -> None:
        super().__init__(
            f"{file} is not UTF-8: byte {offset_bytes} fits no character; save it as UTF-8",
            file=file,
            offset_bytes=offset_bytes,
        )


class BadHeader(DataProblem):
    """The first line of a file can not name columns."""

    code = "bad_header"

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"the first line of {file} can not be its header: {why}", file=file)


class BlankIds(DataProblem):
    """Rows have an empty id, so they can be matched with nobody's."""

    code = "blank_ids"

    def __init__(self, rows: int) -> None:
        super().__init__(
            f"{rows} rows have a blank id; fill the id in or drop these rows before matching",
            rows=rows,
        )


class DuplicateIds(DataProblem):
    """Rows share an id, so it is open which of them a match means."""

    code = "duplicate_ids"

    def __init__(self, rows: int) -> None:
        super().__init__(
            f"{rows} rows repeat an id that an earlier row has; keep one row for each id",
            rows=rows,
        )


class EmptyFile(DataProblem):
    """A file has no bytes, or nothing but blank lines."""

    code = "empty_file"

    def __init__(self, file: str) -> None:
        super().__init__(f"{file} is empty; there is nothing to store", file=file)


class FileMissing(DataProblem):
    """There is no file at that path, or it can not be read."""

    code = "file_missing"

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file} can not be read at this party: {why}", file=file)


class HeaderOnly(DataProblem):
    """A file has a header and no rows."""

    code = "header_only"

    def __init__(self, file: str) -> None:
        super().__init__(
            f"{file} has a header and no rows; if its first line is a row, upload with head 0",
            file=file,
        )


class NonFiniteValues(DataProblem):
    """Values are NaN or infinite where a number is needed."""

    code = "non_finite_values"

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} values are NaN or infinite and can not be encrypted; "
            "fill or drop them first (DataTransform's missing_fill)",
            count=count,
        )


class OpenQuote(DataProblem):
    """A quoted value does not end in its line."""

    code = "open_quote"

    def __init__(self, file: str, line: int) -> None:
        super().__init__(
            f"a quoted value begins in line {line} of {file} and does not end there; "
            "close the quote, or write the value without a line end",
            file=file,
            line=line,
        )


class RaggedRows(DataProblem):
    """Lines of a file have more or fewer values than its header."""

    code = "ragged_rows"

    def __init__(self, file: str, line: int, expected: int, found: int, lines: int) -> None:
        more = f", and so have {lines - 1} further lines" if lines > 1 else ""
        super().__init__(
            f"line {line} of {file} has {found} values where the header has {expected}{more}",
            file=file,
            line=line,
            expected=expected,
            found=found,
            lines=lines,
        )


class RowTooLong(DataProblem):
    """A row is longer than a file is read at a time."""

    code = "row_too_long"

    def __init__(self, file: str, limit_bytes: int) -> None:
        super().__init__(
            f"{file} has a line of more than {limit_bytes} bytes; is it a text table?",
            file=file,
            limit_bytes=limit_bytes,
        )


class ComputationProblem(TripactError):
    """The numbers left the range in which the computation is defined."""

    code = "computation_problem"


class FixedPointOverflow(ComputationProblem):
    """A value does not fit the fixed point numbers of a scheme."""

    code = "fixed_point_overflow"

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} values left the range of the fixed point; scale the features, "
            "lower the learning rate, or lower the precision",
            count=count,
        )


class PackingOverflow(ComputationProblem):
    """Numbers that share a plaintext do not fit it, or their sums would not."""

    code = "packing_overflow"

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; lower the precision, or take a longer key", why=why)
