"""Errors on which a platform engineer can act: something is not there now."""

from collections.abc import Sequence

from federation.errors.base import TripactError


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


class SchemeNotInstalled(Unavailable):
    """The library of an encryption scheme is not there."""

    code = "scheme_not_installed"

    def __init__(self, scheme: str, library: str, extra: str) -> None:
        super().__init__(
            f"the {scheme} scheme needs {library}: pip install 'tripact[{extra}]' at every party",
            scheme=scheme,
            library=library,
        )


class ServingNotReady(Unavailable):
    """A model is loaded, and can not answer now."""

    code = "serving_not_ready"

    def __init__(self, model_version: str, state: str) -> None:
        super().__init__(
            f"model version {model_version} can not answer now: it {state}; see that the agents "
            "of its hosts are connected, and ask again",
            model_version=model_version,
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


class TooManyRequests(Unavailable):
    """More is asked of a model than it can answer in time."""

    code = "too_many_requests"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} requests wait for answers already; ask again in a moment")
