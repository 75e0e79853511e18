"""The whole error tree, placed by who can act on it.

Every error has a stable `code` (what programs compare), a sentence for people, and `facts`
(names, never rows, keys or numbers that are a party's to tell). A dialect translates them at its
edge; a party sends them as `code`, `message`, `facts` and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where, and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        """The problem as a line of text."""
        return f"{self.path}: {self.message}" if self.path else self.message


class TripactError(Exception):
    """Root of all errors Tripact raises on purpose."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


# --- the one who asked can act -------------------------------------------------------------------


class BadRequest(TripactError):
    """The request itself is wrong; asking again changes nothing."""

    code = "bad_request"


class BadTableName(BadRequest):
    """A table's namespace or name can not be a name in a store."""

    code = "bad_table_name"

    def __init__(self, why: str) -> None:
        super().__init__(f"a table's namespace or name {why}", why=why)


class InvalidInput(BadRequest):
    """One or more parts of an input are wrong; all of them are named at once."""

    code = "invalid_input"
    subject: ClassVar[str] = "the input"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "; ".join(str(problem) for problem in self.problems)
        super().__init__(f"{self.subject} has {_count(len(self.problems))}: {lines}")


class InvalidDocument(InvalidInput):
    """A JSON document is broken, too long or too deep."""

    code = "invalid_document"
    subject = "the document"


class InvalidJob(InvalidInput):
    """A job's DSL or conf can not be run."""

    code = "invalid_job"
    subject = "the job"


class InvalidParameters(InvalidInput):
    """Parameters of a component break a rule that spans fields."""

    code = "invalid_parameters"
    subject = "the parameters"


class InvalidPolicy(InvalidInput):
    """A party's policy file can not be read as one."""

    code = "invalid_policy"
    subject = "the policy"


class InvalidSettings(InvalidInput):
    """Settings from a file, the environment or flags are wrong."""

    code = "invalid_settings"
    subject = "the settings"


class NotAJoin(BadRequest):
    """A request to join is not of the shape of one."""

    code = "not_a_join"

    def __init__(self) -> None:
        super().__init__("expected JSON with code_id, public_key (base64 of 32 bytes) and proof")


class NotAStopStatus(BadRequest):
    """A job can not be stopped with that status."""

    code = "not_a_stop_status"

    def __init__(self, status: str, known: Sequence[str]) -> None:
        super().__init__(
            f"a job is stopped as one of {', '.join(known)}, not as {status!r}",
            status=status,
            known=list(known),
        )


class PartitionsOutOfRange(BadRequest):
    """A table was asked for with too many or too few partitions."""

    code = "partitions_out_of_range"

    def __init__(self, partitions: int, most: int) -> None:
        super().__init__(
            f"partition is {partitions}; it must be from 1 to {most}",
            partitions=partitions,
            most=most,
        )


class UnknownScheme(BadRequest):
    """No encryption scheme goes by that name."""

    code = "unknown_scheme"

    def __init__(self, method: str, known: Sequence[str]) -> None:
        super().__init__(
            f"there is no encryption method {method!r}; choose one of {', '.join(known)}",
            method=method,
            known=list(known),
        )


class WeakKey(BadRequest):
    """A key was asked for that is too short to protect anything."""

    code = "weak_key"

    def __init__(self, scheme: str, bits: int, least: int) -> None:
        super().__init__(
            f"a {scheme} key of {bits} bits can be broken; ask for {least} bits or more",
            scheme=scheme,
            bits=bits,
            least=least,
        )


class NotFound(TripactError):
    """What was asked for does not exist."""

    code = "not_found"


class ComponentNotFound(NotFound):
    """A job has no component of that name."""

    code = "component_not_found"

    def __init__(self, job_id: str, component: str) -> None:
        super().__init__(
            f"job {job_id} has no component {component!r}", job_id=job_id, component=component
        )


class JobNotFound(NotFound):
    """No job has that id."""

    code = "job_not_found"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id!r}", job_id=job_id)


class ModelNotFound(NotFound):
    """No model has that id and version."""

    code = "model_not_found"

    def __init__(self, model_id: str, model_version: str) -> None:
        super().__init__(
            f"there is no model {model_id!r} of version {model_version!r}; "
            "the version is the job_id of the training job, or what deploying it gave",
            model_id=model_id,
            model_version=model_version,
        )


class TableNotFound(NotFound):
    """A party has no table of that name."""

    code = "table_not_found"

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(
            f"table {namespace}.{name} does not exist; upload it, or correct its name",
            namespace=namespace,
            name=name,
        )


class Conflict(TripactError):
    """The thing exists already, or is in a state that does not allow this."""

    code = "conflict"


class HomeInUse(Conflict):
    """Another daemon runs on the same home."""

    code = "home_in_use"

    def __init__(self, home: str) -> None:
        super().__init__(f"another process runs on {home}; stop it, or use another --home")


class IllegalTransition(Conflict):
    """A status change that the table of legal changes does not have."""

    code = "illegal_transition"


class InviteExpired(Conflict):
    """A one-time code was used too late."""

    code = "invite_expired"

    def __init__(self, party_id: str) -> None:
        super().__init__(
            f"the code for party {party_id} has expired; ask for a new one: "
            f"coordinator invite --party {party_id}",
            party_id=party_id,
        )


class InviteUsed(Conflict):
    """A one-time code was used before, with another key."""

    code = "invite_used"

    def __init__(self, party_id: str) -> None:
        super().__init__(
            f"the code for party {party_id} was used before. If that was not you, somebody else "
            "joined as this party: tell the coordinator's operator",
            party_id=party_id,
        )


class JobNotEnded(Conflict):
    """A job still runs, and this is for jobs that have ended."""

    code = "job_not_ended"

    def __init__(self, job_id: str, status: str) -> None:
        super().__init__(
            f"job {job_id} is {status}; wait for its end, or stop it first",
            job_id=job_id,
            status=status,
        )


class ModelNotDeployed(Conflict):
    """A model of a DSL 2 job must be deployed before it can predict."""

    code = "model_not_deployed"

    def __init__(self, model_version: str) -> None:
        super().__init__("model has not been deployed yet", model_version=model_version)


class PartyConnectedTwice(Conflict):
    """Two agents of one party, both alive."""

    code = "party_connected_twice"

    def __init__(self, party_id: str) -> None:
        super().__init__(
            f"another agent of party {party_id} is linked and answers; "
            "stop it, or give this machine an identity of its own",
            party_id=party_id,
        )


class PartyJoinedBefore(Conflict):
    """A party has a key already."""

    code = "party_joined_before"

    def __init__(self, party_id: str) -> None:
        super().__init__(
            f"party {party_id} joined before; to give it a new key: "
            f"coordinator invite --party {party_id} --replace",
            party_id=party_id,
        )


class StaleState(Conflict):
    """Somebody else changed the same thing at the same time."""

    code = "stale_state"

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject} was changed by somebody else meanwhile", subject=subject)


class TableExists(Conflict):
    """A table of that name is there already."""

    code = "table_exists"

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(
            f"The data table already exists: {namespace}.{name}. "
            "To replace it, upload with --drop (drop = 1)",
            namespace=namespace,
            name=name,
        )


# --- a data owner can act ------------------------------------------------------------------------


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


# --- a platform engineer can act -----------------------------------------------------------------


class Unavailable(TripactError):
    """Something that should be there is not there now."""

    code = "unavailable"


class AddressTaken(Unavailable):
    """A coordinator can not listen where it is told to."""

    code = "address_taken"

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"can not listen on {host}:{port}: {why}; is a coordinator running already? "
            "Choose another --port, or 0 for a free one",
            host=host,
            port=port,
        )


class AgentRestarted(Unavailable):
    """An agent was started anew while a task ran, which ended the task."""

    code = "agent_restarted"

    def __init__(self) -> None:
        super().__init__("the agent was started anew while the task ran; rerun the job")


class DamagedTable(Unavailable):
    """A stored table is not as it was written."""

    code = "damaged_table"

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(
            f"table {namespace}.{name} is damaged in the store; upload it again with --drop",
            namespace=namespace,
            name=name,
        )


class DatabaseAway(Unavailable):
    """A coordinator's database can not be opened."""

    code = "database_away"

    def __init__(self, database: str, why: str) -> None:
        super().__init__(f"the database {database} can not be opened: {why}", database=database)


class CallGivenUp(Unavailable):
    """Whoever asked does not wait any more, or took nothing for a minute."""

    code = "call_given_up"

    def __init__(self) -> None:
        super().__init__("nobody waits for the answer any more")


class KeyExhausted(Unavailable):
    """A sealing key has sealed as many parts as it may."""

    code = "key_exhausted"

    def __init__(self, receiver: str) -> None:
        super().__init__(f"the key for letters to {receiver} is used up", receiver=receiver)


class LetterCutShort(Unavailable):
    """A letter was given up after part of it had left; its receiver can not go on."""

    code = "letter_cut_short"

    def __init__(self, receiver: str) -> None:
        super().__init__(f"a letter to {receiver} was given up half way", receiver=receiver)


class LettersNotDelivered(Unavailable):
    """A task ended, and its last letters were not received in time."""

    code = "letters_not_delivered"

    def __init__(self, receivers: Sequence[str], within_s: float) -> None:
        names = ", ".join(receivers)
        super().__init__(
            f"letters to {names} were not received within {within_s:g} s",
            receivers=list(receivers),
            within_s=within_s,
        )


class LinkClosed(Unavailable):
    """The link to the outside ended."""

    code = "link_closed"

    def __init__(self) -> None:
        super().__init__("the link that carries letters is closed")


class LocalAgentFailed(Unavailable):
    """Standalone: an agent process ended before it linked."""

    code = "local_agent_failed"

    def __init__(self, party_id: str, exit_code: int, log_file: str, tail: str) -> None:
        super().__init__(
            f"the agent of party {party_id} ended with code {exit_code}; see {log_file}: {tail}",
            party_id=party_id,
            exit_code=exit_code,
        )


class NoAnswer(Unavailable):
    """A party's agent is linked and does not answer."""

    code = "no_answer"

    def __init__(self, party_id: str, method: str, within_s: float) -> None:
        super().__init__(
            f"party {party_id} did not answer {method} within {within_s:g} s",
            party_id=party_id,
            method=method,
        )


class LinkRefused(Unavailable):
    """The coordinator does not let this agent in."""

    code = "link_refused"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"the coordinator says: {message} ({code})", refusal=code)


class PartyNotConnected(Unavailable):
    """A party joined, and its agent is not linked now."""

    code = "party_not_connected"

    def __init__(self, party_id: str) -> None:
        super().__init__(
            f"party {party_id} is not connected; start its agent: party-agent run",
            party_id=party_id,
        )


class PartyNotJoined(Unavailable):
    """A party never joined this coordinator."""

    code = "party_not_joined"

    def __init__(self, party_id: str) -> None:
        super().__init__(
            f"party {party_id} has not joined; invite it: coordinator invite --party {party_id}",
            party_id=party_id,
        )


class PeerLeft(Unavailable):
    """A peer's task has ended, so the letter that is waited for will never come."""

    code = "peer_left"

    def __init__(self, peer: str, tag: str) -> None:
        super().__init__(f"{peer} has ended without sending {tag!r}", peer=peer, tag=tag)


class ProtocolNotSpoken(Unavailable):
    """An agent and its coordinator speak different versions of the link protocol."""

    code = "protocol_not_spoken"

    def __init__(self, theirs: int, ours: int) -> None:
        super().__init__(
            f"the agent speaks protocol {theirs}, the coordinator {ours}; "
            "install the same version of Tripact on both sides",
            theirs=theirs,
            ours=ours,
        )


class SessionLost(Unavailable):
    """An agent has no keys for a job, for it was started anew since it agreed to take part."""

    code = "session_lost"

    def __init__(self, job_id: str, epoch: int) -> None:
        super().__init__(
            "the agent was started anew and the job's keys went with it; rerun the job",
            job_id=job_id,
            epoch=epoch,
        )


class TaskProcessDied(Unavailable):
    """The process of a task ended without a word."""

    code = "task_process_died"

    def __init__(self, component: str, how: str) -> None:
        hint = "; it may have run out of memory" if how == "SIGKILL" else ""
        super().__init__(f"the process of {component} died ({how}){hint}", how=how)


class TooManyLocalParties(Unavailable):
    """Standalone: more parties were named than one machine is to run."""

    code = "too_many_local_parties"

    def __init__(self, party_id: str, most: int) -> None:
        super().__init__(
            f"party {party_id} would be more than {most} local parties; "
            "raise most_local_parties, or stop parties that are not needed",
            party_id=party_id,
            most=most,
        )


# --- nobody should trust this peer ---------------------------------------------------------------


class PeerMisbehaved(TripactError):
    """A letter or an order breaks the protocol."""

    code = "peer_misbehaved"


class AlteredLetter(PeerMisbehaved):
    """A letter or an acknowledgement was changed on its way, or sealed with another key."""

    code = "altered_letter"

    def __init__(self, sender: str) -> None:
        super().__init__(f"a letter of {sender} was altered on its way", sender=sender)


class BadBlindSignature(PeerMisbehaved):
    """A blind signature does not verify once unblinded."""

    code = "bad_blind_signature"

    def __init__(self) -> None:
        super().__init__("a blind signature does not verify under the signer's public key")


class BadCiphertext(PeerMisbehaved):
    """Bytes that claim to be ciphertexts and are none."""

    code = "bad_ciphertext"

    def __init__(self, why: str) -> None:
        super().__init__(f"not a ciphertext: {why}", why=why)


class BadIntersection(PeerMisbehaved):
    """A letter of a set intersection does not fit the letters before it."""

    code = "bad_intersection"

    def __init__(self, why: str) -> None:
        super().__init__(f"the set intersection was broken off: {why}", why=why)


class BadPoint(PeerMisbehaved):
    """Bytes that claim to be points of the curve and are none, or give a secret away."""

    code = "bad_point"

    def __init__(self, why: str) -> None:
        super().__init__(f"not a usable point of Curve25519: {why}", why=why)


class BadPublicKey(PeerMisbehaved):
    """A peer's public key is too short or not well formed."""

    code = "bad_public_key"

    def __init__(self, why: str) -> None:
        super().__init__(f"a peer sent a public key that can not be used: {why}", why=why)


class BadSignature(PeerMisbehaved):
    """A signature is not of the identity it should be of."""

    code = "bad_signature"

    def __init__(self, purpose: str) -> None:
        super().__init__(f"the signature of a {purpose} is not of the pinned key", purpose=purpose)


class CoordinatorKeyChanged(PeerMisbehaved):
    """A coordinator shows another key than the one that was joined."""

    code = "coordinator_key_changed"

    def __init__(self, pinned: str, seen: str) -> None:
        super().__init__(
            f"the coordinator shows key {seen}, joined was {pinned}. Somebody may stand between; "
            "if its operator says that it has a new key, join again with a new code",
            pinned=pinned,
            seen=seen,
        )


class ForgedSender(PeerMisbehaved):
    """A letter claims another address than the one its key belongs to."""

    code = "forged_sender"

    def __init__(self, claimed: str) -> None:
        super().__init__(
            f"a letter claims to be of {claimed}, who did not seal it", claimed=claimed
        )


class LetterTooLarge(PeerMisbehaved):
    """A letter is larger than the receiver takes."""

    code = "letter_too_large"

    def __init__(self, sender: str, limit_bytes: int) -> None:
        super().__init__(
            f"a letter of {sender} is larger than {limit_bytes} bytes",
            sender=sender,
            limit_bytes=limit_bytes,
        )


class MailboxFull(PeerMisbehaved):
    """More letters wait unread than a task holds."""

    code = "mailbox_full"

    def __init__(self, sender: str, limit_bytes: int) -> None:
        super().__init__(
            f"letters of {sender} and others that nobody reads take more than {limit_bytes} bytes",
            sender=sender,
            limit_bytes=limit_bytes,
        )


class MalformedMessage(PeerMisbehaved):
    """Bytes that are not one well-formed message within the limits."""

    code = "malformed_message"

    def __init__(self, reason: str) -> None:
        super().__init__(f"a message is malformed: {reason}", reason=reason)


class MixedKeys(PeerMisbehaved):
    """Ciphertexts of different keys, or a ciphertext and another key, can not go together."""

    code = "mixed_keys"

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"ciphertext of key {one} used with key {other}", one=one, other=other)


class PeerKeyChanged(PeerMisbehaved):
    """A party shows another key than the one that was pinned."""

    code = "peer_key_changed"

    def __init__(self, party_id: str, pinned: str, seen: str, remedy: str) -> None:
        super().__init__(
            f"party {party_id} shows key {seen}, pinned is {pinned}. Somebody may stand between; "
            f"if the party says that it has a new key: {remedy}",
            peer=party_id,
            pinned=pinned,
            seen=seen,
        )


class ReorderedLetter(PeerMisbehaved):
    """A part of a letter came before its turn."""

    code = "reordered_letter"

    def __init__(self, sender: str, sequence: int, expected: int) -> None:
        super().__init__(
            f"part {sequence} of {sender} came before part {expected}",
            sender=sender,
            sequence=sequence,
            expected=expected,
        )


class ReplayedLetter(PeerMisbehaved):
    """A part of a letter came a second time."""

    code = "replayed_letter"

    def __init__(self, sender: str, sequence: int) -> None:
        super().__init__(
            f"part {sequence} of {sender} came a second time", sender=sender, sequence=sequence
        )


class UndeclaredLetter(PeerMisbehaved):
    """A letter that the component does not declare for this sender and receiver."""

    code = "undeclared_letter"

    def __init__(self, tag: str, sender: str, receiver: str) -> None:
        super().__init__(
            f"the component declares no letter {tag!r} from {sender} to {receiver}",
            tag=tag,
            sender=sender,
            receiver=receiver,
        )


class UnknownKey(PeerMisbehaved):
    """A ciphertext of a key that was never introduced to this party."""

    code = "unknown_key"

    def __init__(self, fingerprint: str) -> None:
        super().__init__(
            f"a ciphertext belongs to key {fingerprint}, which this job does not know",
            fingerprint=fingerprint,
        )


class WrongLetterType(PeerMisbehaved):
    """A letter's content is not of the declared type."""

    code = "wrong_letter_type"

    def __init__(self, tag: str, sender: str, where: str, why: str) -> None:
        super().__init__(
            f"letter {tag!r} of {sender} is not as declared: {where} {why}",
            tag=tag,
            sender=sender,
            where=where,
            why=why,
        )


class WrongSession(PeerMisbehaved):
    """A session statement is of another job, epoch, party or offer than it should be."""

    code = "wrong_session"

    def __init__(self, party_id: str) -> None:
        super().__init__(
            f"party {party_id} sent a session statement of another job or epoch",
            party_id=party_id,
        )


def _count(problems: int) -> str:
    return "one problem" if problems == 1 else f"{problems} problems"
