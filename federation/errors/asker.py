"""Errors on which the one who asked can act: bad requests, absences, conflicts."""

from collections.abc import Sequence
from typing import ClassVar

from federation.errors.base import Problem, TripactError


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


class NotAuthenticated(BadRequest):
    """Whoever asks has not shown who they are."""

    code = "not_authenticated"


class PartitionsOutOfRange(BadRequest):
    """A table was asked for with too many or too few partitions."""

    code = "partitions_out_of_range"

    def __init__(self, partitions: int, most: int) -> None:
        super().__init__(
            f"partition is {partitions}; it must be from 1 to {most}",
            partitions=partitions,
            most=most,
        )


class SchemeLacks(BadRequest):
    """An encryption scheme can not do what a component needs of it."""

    code = "scheme_lacks"

    def __init__(self, scheme: str, operation: str) -> None:
        super().__init__(
            f"{scheme} has no {operation}; choose Paillier or OU as encrypt_param.method",
            scheme=scheme,
            operation=operation,
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


class CheckpointNotFound(NotFound):
    """A component kept no model of that step."""

    code = "checkpoint_not_found"

    def __init__(self, component: str, step: str | None) -> None:
        super().__init__(
            f"{component} kept no checkpoint of step {step}; see checkpoint/list",
            component=component,
            step=step,
        )


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


class ServiceNotBound(NotFound):
    """No model answers under that service id here."""

    code = "service_not_bound"

    def __init__(self, service_id: str) -> None:
        super().__init__(
            f"service {service_id} is bound to no model; bind one: model/bind",
            service_id=service_id,
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


class ModelNotLoaded(Conflict):
    """A model can be bound and asked while it is loaded."""

    code = "model_not_loaded"

    def __init__(self, model_version: str) -> None:
        super().__init__(
            f"model version {model_version} is not loaded; load it: model/load",
            model_version=model_version,
        )


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
            f"The data table already exists. {namespace}.{name} is kept. "
            "To replace it, upload with --drop (drop = 1)",
            namespace=namespace,
            name=name,
        )


def _count(problems: int) -> str:
    return "one problem" if problems == 1 else f"{problems} problems"
