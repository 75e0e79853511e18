"""Whether this party takes part in a job: every reason against it, at once.

Components, roles, parameters, tables, the policy, the peers' keys. Nothing is started or changed,
but that a peer's key may be pinned as first seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from federation.components.component import Component
from federation.components.online.params import ServingParams
from federation.components.registry import find_component
from federation.components.tables.loaders import cache_loader
from federation.components.tables.upload import UploadParams, upload_of
from federation.errors import (
    InvalidInput,
    InvalidParameters,
    InvalidPolicy,
    NotFound,
    PolicyRefused,
    TableTooSmall,
    TripactError,
)
from federation.spec.dsl import SERVING
from federation.spec.orders import PrepareJob, Reason, TableName, TaskBrief
from federation.spec.party import Role
from party_agent.peers import Peers
from party_agent.plain import json_like
from party_agent.policy import Ask, Rules, check_file
from party_agent.tables import TableStore
from party_agent.tables.upload import SPOOL

FLOOR = "least_bin_rows"
"""Parameter of a component, and name of the least value of it in the owner's policy."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a party says to a job.

    Attributes:
        reasons: against it; none means yes.
        params: of each task with every default, by `component/role`.
    """

    reasons: tuple[Reason, ...]
    params: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checks:
    """What the checks look at.

    Attributes:
        upload_from: folders of this machine of whose files a job may make tables; None: any.
    """

    party_id: str
    rules: Rules
    peers: Peers
    tables: TableStore
    upload_from: tuple[Path, ...] | None

    def answer(self, order: PrepareJob) -> Answer:
        """Every reason against a job, or the parameters of its tasks."""
        reasons = list(self._against_peers(order))
        params: dict[str, dict[str, Any]] = {}
        for ordered in order.tasks:
            try:
                brief = as_owner_has_it(ordered, self.rules)
                component = find_component(brief.module)
            except (InvalidPolicy, NotFound) as error:
                reasons.append(reason_of(error, ordered.component))
                continue
            reasons += self._against_task(order, brief, component)
            try:
                parsed = component.params.parse(brief.params)
            except InvalidInput as error:
                reasons += _each_problem(error, brief)
                continue
            params[f"{brief.component}/{brief.role.value}"] = parsed.model_dump(mode="json")
            if isinstance(parsed, UploadParams):
                reasons += self._against_upload(parsed, brief)
            if isinstance(parsed, ServingParams):
                reasons += self._against_steps(parsed, order, brief)
        unique = {(r.code, r.message, r.path): r for r in reasons}
        return Answer(tuple(unique.values()), params)

    def _against_peers(self, order: PrepareJob) -> Iterator[Reason]:
        for party_id in others(order, self.party_id):
            try:
                self.peers.check(party_id, order.keys.get(party_id, b""))
            except TripactError as error:
                yield reason_of(error, "roles")

    def _against_task(
        self, order: PrepareJob, brief: TaskBrief, component: Component
    ) -> Iterator[Reason]:
        if brief.role not in component.roles:
            yield Reason(
                code="wrong_role",
                message=f"{brief.module} has nothing to run at the role {brief.role.value}",
                path=brief.component,
            )
        tables = self._foreign(brief)
        if component.params is not UploadParams:
            ask = Ask(
                "job",
                component.module,
                brief.role.value,
                others(order, self.party_id),
                tables,
            )
            yield from self._against(ask, brief)
        if component is not cache_loader:
            yield from self._against_tables(brief)

    def _against_steps(
        self, params: ServingParams, order: PrepareJob, brief: TaskBrief
    ) -> Iterator[Reason]:
        """What is served counts as if it ran in a job of its own."""
        tables = self._foreign(brief)
        for module in dict.fromkeys(step.module for step in params.steps):
            parties = others(order, self.party_id)
            yield from self._against(Ask("job", module, brief.role.value, parties, tables), brief)

    def _foreign(self, brief: TaskBrief) -> tuple[str, ...]:
        """Tables that somebody else names; one that the owner's policy names is no question."""
        if owners_features(brief, self.rules) is not None:
            return ()
        return tuple(f"{table.namespace}/{table.name}" for table in brief.tables)

    def _against_tables(self, brief: TaskBrief) -> Iterator[Reason]:
        for table in brief.tables:
            try:
                least = self.rules.policy.least_rows
                if self.tables.stored(table).rows < least:
                    raise TableTooSmall(f"{table.namespace}.{table.name}", least)
            except TripactError as error:
                yield reason_of(error, brief.component)

    def _against_upload(self, params: UploadParams, brief: TaskBrief) -> Iterator[Reason]:
        upload = upload_of(params)
        into = f"{upload.into.namespace}/{upload.into.name}"
        yield from self._against(Ask("upload", tables=(into,)), brief)
        if upload.file.startswith(SPOOL):
            return
        try:
            check_file(upload.file, self.upload_from)
        except PolicyRefused as refused:
            yield reason_of(refused, brief.component)

    def _against(self, ask: Ask, brief: TaskBrief) -> Iterator[Reason]:
        try:
            self.rules.check(ask)
        except TripactError as error:
            yield reason_of(error, brief.component)


def owners_features(brief: TaskBrief, rules: Rules) -> TableName | None:
    """The table that the owner has a served model look features up in, if the owner says so."""
    if brief.module != SERVING or brief.role is not Role.HOST:
        return None
    return rules.features_of(f"{brief.params.get('model_id')}/{brief.params.get('model_version')}")


def with_features(brief: TaskBrief, rules: Rules) -> TaskBrief:
    """A task as this party runs it: a served model with the owner's table of features.

    Raises:
        InvalidPolicy: the policy can not be read.
    """
    table = owners_features(brief, rules)
    return brief if table is None else brief.model_copy(update={"tables": (table,)})


def with_floors(brief: TaskBrief, rules: Rules) -> TaskBrief:
    """A host's task with bins no smaller than the owner allows; a job may ask for larger ones.

    Raises:
        InvalidPolicy: the policy can not be read.
        NotFound: there is no such component.
    """
    least, params = rules.policy.least_bin_rows, find_component(brief.module).params
    if brief.role is not Role.HOST or FLOOR not in params.model_fields:
        return brief
    try:
        # As the component will read it: null and a number in quotes are numbers there.
        asked = getattr(params.parse(brief.params), FLOOR)
    except InvalidParameters:
        return brief  # and refused as such, when the parameters are read
    if asked >= least:
        return brief
    return brief.model_copy(update={"params": {**brief.params, FLOOR: least}})


def as_owner_has_it(brief: TaskBrief, rules: Rules) -> TaskBrief:
    """A task as this party runs it, whatever the job says; errors as of `with_floors`."""
    return with_floors(with_features(brief, rules), rules)


def others(order: PrepareJob, party_id: str) -> tuple[str, ...]:
    """The other parties of a job, each once."""
    found = [other for ids in order.roles.values() for other in ids if other != party_id]
    return tuple(dict.fromkeys(found))


def reason_of(error: TripactError, path: str = "") -> Reason:
    """An error as a reason."""
    return Reason(
        code=error.code, message=error.message, path=path, facts=json_like(dict(error.facts))
    )


def _each_problem(error: InvalidInput, brief: TaskBrief) -> Iterator[Reason]:
    for problem in error.problems:
        where = f"{brief.component}.{problem.path}" if problem.path else brief.component
        yield Reason(code=error.code, message=problem.message, path=where)
