"""The conf of a job (`job_runtime_conf`): who takes part, how it runs, with which parameters.

Versions 1 and 2 give one form. Sections of components that the DSL does not have, index keys that
are none and the keys that command lines send along are ignored, as FATE does; each leaves a note.
Source: FATE-Flow job_runtime_conf, versions 1.2 to 1.11.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from federation.spec.conf_parameters import component_parameters
from federation.spec.documents import find_flaw
from federation.spec.dsl import MOST_NESTING, Dsl
from federation.spec.findings import Findings, Path, did_you_mean, shown
from federation.spec.job_parameters import JobParameters, read_job_parameters
from federation.spec.parameters import ComponentParameters, seats_of_key
from federation.spec.party import Party, Role, party_id_of

CONF = "job_runtime_conf"
MOST_SEATS = 500

_PARTY_ID = re.compile(r"(?!\.)[\w.-]{1,64}", re.ASCII)

_CONF_KEYS = (
    "initiator",
    "role",
    "job_parameters",
    "dsl_version",
    "component_parameters",
    "role_parameters",
    "algorithm_parameters",
)
_NOISE = ("provider", "conf_path", "dsl_path", "config", "dsl", "function", "output_path", "local")
_OF_VERSION_1 = {
    "algorithm_parameters": "component_parameters.common",
    "role_parameters": "component_parameters.role",
}


@dataclass(frozen=True, slots=True)
class JobConf:
    """A conf in one form for both versions.

    Attributes:
        roles: party ids by role; an index in the conf is a position here.
        seat_job_parameters: job parameters as one seat has them, where they differ.
        parameters: of each component of the DSL at each seat; one that is missing has none.
    """

    dsl_version: int
    initiator: Party
    roles: Mapping[Role, tuple[str, ...]]
    job_parameters: JobParameters = field(default_factory=JobParameters)
    seat_job_parameters: Mapping[Party, JobParameters] = field(default_factory=dict)
    parameters: Mapping[tuple[str, Party], ComponentParameters] = field(default_factory=dict)

    @property
    def seats(self) -> tuple[Party, ...]:
        """Every seat: guests, hosts, arbiters, locals, each in the order of the conf."""
        return tuple(Party(r, party_id) for r in Role for party_id in self.roles.get(r, ()))

    def job_parameters_at(self, seat: Party) -> JobParameters:
        """Job parameters as `seat` has them."""
        return self.seat_job_parameters.get(seat, self.job_parameters)

    def parameters_of(self, component: str, seat: Party) -> ComponentParameters:
        """Parameters of a component at a seat."""
        found = self.parameters.get((component, seat))
        return found or ComponentParameters(home_of(component, self.dsl_version))


def home_of(component: str, version: int) -> Path:
    """Where a conf holds the parameters that a component has at every party."""
    if version == 1:
        return (CONF, "algorithm_parameters", component)
    return (CONF, "component_parameters", "common", component)


def read_version(findings: Findings, document: object) -> int:
    """The DSL version of a conf: 1 where it does not say, as FATE has it.

    A conf with `component_parameters` or `job_parameters.common` and no word about its version is
    of version 2: no conf of version 1 has them.
    """
    if not isinstance(document, Mapping):
        return 1
    job_parameters = document.get("job_parameters")
    flat = job_parameters if isinstance(job_parameters, Mapping) else {}
    nested = flat.get("common")
    common = nested if isinstance(nested, Mapping) else {}
    looks_like = 2 if common or "component_parameters" in document else 1
    places: tuple[tuple[Path, object], ...] = (
        ((CONF, "dsl_version"), document.get("dsl_version")),
        ((CONF, "job_parameters", "dsl_version"), flat.get("dsl_version")),
        ((CONF, "job_parameters", "common", "dsl_version"), common.get("dsl_version")),
    )
    path, value = next(((p, v) for p, v in places if v is not None), places[0])
    if value is None:
        return looks_like
    if not isinstance(value, bool) and value in (1, 2, "1", "2"):
        return int(str(value))
    findings.problem(path, f"is {shown(value)}, must be 1 or 2")
    return looks_like


def read_conf(document: object, dsl: Dsl) -> JobConf:
    """A conf from its JSON.

    Raises:
        InvalidJob: every problem, each with its path under `job_runtime_conf`.
    """
    findings = Findings()
    conf = read_conf_into(findings, document, dsl)
    findings.settle()
    return conf


def read_conf_into(findings: Findings, document: object, dsl: Dsl) -> JobConf:
    """As `read_conf`, with the problems going to `findings`; then the result may lack parts."""
    nobody = JobConf(dsl.version, Party(Role.GUEST, "0"), {})
    if flaw := find_flaw(document, MOST_NESTING, (CONF,)):
        findings.problem((), str(flaw))
        return nobody
    if not document:
        findings.problem((CONF,), "is missing: a job needs a conf with initiator and role")
        return nobody
    conf = findings.object_at(document, (CONF,))
    if not conf:
        return nobody
    _check_keys(findings, conf, dsl.version)
    roles = _read_roles(findings, conf.get("role"))
    initiator = _read_initiator(findings, conf.get("initiator"), roles)
    common, at_seats = _read_job_parameters(findings, conf.get("job_parameters"), roles, dsl)
    return JobConf(
        dsl_version=dsl.version,
        initiator=initiator or nobody.initiator,
        roles=roles,
        job_parameters=common,
        seat_job_parameters=at_seats,
        parameters=component_parameters(findings, conf, dsl, roles),
    )


def _check_keys(findings: Findings, conf: Mapping[str, object], version: int) -> None:
    for key in conf:
        if key not in _CONF_KEYS and key not in _NOISE:
            findings.unknown_key((CONF,), key, _CONF_KEYS)
    if version == 1:
        if conf.get("component_parameters"):
            message = "is of dsl_version 2, and the conf says 1: correct dsl_version"
            findings.problem((CONF, "component_parameters"), message)
        return
    for old, new in _OF_VERSION_1.items():
        if conf.get(old) and not conf.get("component_parameters"):
            message = f"is of dsl_version 1: write {new}, or correct dsl_version"
            findings.problem((CONF, old), message)
        elif conf.get(old):
            findings.note((CONF, old), "is of dsl_version 1 and is ignored")


def _read_roles(findings: Findings, value: object) -> dict[Role, tuple[str, ...]]:
    path = (CONF, "role")
    if not value:
        findings.problem(path, 'is missing: give party ids by role, {"guest": [9999], ...}')
    roles: dict[Role, tuple[str, ...]] = {}
    for name, ids in findings.object_at(value, path).items():
        if name not in set(Role):
            hint = did_you_mean(name, list(Role)) or f"; roles are {', '.join(Role)}"
            findings.problem((*path, name), f'"{name}" is not a role{hint}')
        elif parties := _read_parties(findings, ids, (*path, name)):
            roles[Role(name)] = parties
    if sum(map(len, roles.values())) > MOST_SEATS:
        findings.problem(path, f"has more than {MOST_SEATS} parties")
        return {}
    return roles


def _read_parties(findings: Findings, value: object, path: Path) -> tuple[str, ...]:
    parties: dict[str, None] = {}
    for i, entry in enumerate(findings.list_at(value, path)):
        try:
            party_id = party_id_of(entry)
        except ValueError:
            findings.problem((*path, i), f"is {shown(entry)}, must be a party id")
            continue
        if not _PARTY_ID.fullmatch(party_id):
            message = "a party id has letters, digits, _ - and dots, at most 64 of them"
            findings.problem((*path, i), message)
        elif party_id in parties:
            findings.problem((*path, i), f"party {party_id} is there twice")
        parties[party_id] = None
    return tuple(parties)


def _read_initiator(
    findings: Findings, value: object, roles: Mapping[Role, tuple[str, ...]]
) -> Party | None:
    path = (CONF, "initiator")
    given = findings.object_at(value, path)
    if not given:
        message = 'is missing: give {"role": "guest", "party_id": 9999}'
        if value is None or value == {}:
            findings.problem(path, message)
        return None
    name, role = given.get("role"), None
    if isinstance(name, str) and name in set(Role):
        role = Role(name)
    else:
        hint = did_you_mean(name, list(Role)) if isinstance(name, str) else ""
        findings.problem((*path, "role"), f"is {shown(name)}, must be a role{hint}")
    try:
        party_id = party_id_of(given.get("party_id"))
    except ValueError:
        message = f"is {shown(given.get('party_id'))}, must be a party id"
        findings.problem((*path, "party_id"), message)
        return None
    if role is None:
        return None
    if party_id not in roles.get(role, ()):
        message = f"party {shown(party_id)} is not in {CONF}.role.{role}"
        findings.problem((*path, "party_id"), message)
    return Party(role, party_id)


def _read_job_parameters(
    findings: Findings, value: object, roles: Mapping[Role, tuple[str, ...]], dsl: Dsl
) -> tuple[JobParameters, dict[Party, JobParameters]]:
    path: Path = (CONF, "job_parameters")
    given = findings.object_at(value, path)
    if dsl.version == 1:
        return read_job_parameters(findings, given, {}, path), {}
    home = (*path, "common")
    common = findings.object_at(given.get("common"), home)
    role_path = (*path, "role")
    own: dict[Party, dict[str, object]] = {}
    places: dict[Party, dict[str, Path]] = {}
    for seat, values, where in _role_sections(findings, given.get("role"), roles, role_path):
        own.setdefault(seat, {}).update(values)
        places.setdefault(seat, {}).update({name: (*where, name) for name in values})
    at_seats = {
        seat: read_job_parameters(findings, {**common, **own[seat]}, places[seat], home)
        for seat in own
    }
    return read_job_parameters(findings, common, {}, home), at_seats


def _role_sections(
    findings: Findings, value: object, roles: Mapping[Role, tuple[str, ...]], path: Path
) -> Iterator[tuple[Party, Mapping[str, object], Path]]:
    """The role part of version 2's job parameters, by seat."""
    for name, by_key in findings.object_at(value, path).items():
        parties = roles.get(Role(name), ()) if name in set(Role) else ()
        for key, values in findings.object_at(by_key, (*path, name)).items():
            for place in seats_of_key(key, len(parties)):
                own = findings.object_at(values, (*path, name, key))
                yield Party(Role(name), parties[place]), own, (*path, name, key)
