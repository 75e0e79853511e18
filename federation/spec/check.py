"""A job against the catalogue: every reason why it could not run, before anything runs.

Modules, roles, slots, outputs, tables and every parameter at every seat are checked in one go. Each
problem has a path in the documents that were posted.
"""

from collections.abc import Iterator, Mapping

from jsonschema.protocols import Validator

from federation.errors import Problem
from federation.spec.catalogue import Catalogue, ModuleDecl
from federation.spec.conf import CONF
from federation.spec.dsl import CACHE_LOADER, READER, ComponentNode, PortKind, PortRef
from federation.spec.findings import Findings, Path, did_you_mean, listed
from federation.spec.job import JobSpec
from federation.spec.parameters import ComponentParameters
from federation.spec.party import ARBITER, GUEST, HOST, Party, Role
from federation.spec.plan import bound_slots, find_slot, find_table, parameters_owner
from federation.spec.schema_problems import schema_problems, validator_of

_KEYS_AT_THE_ARBITER = frozenset({"HeteroLR", "HeteroLinR", "HeteroPoisson"})
"""Modules whose arbiter holds the private key, and so must not be the guest."""


def check(job: JobSpec, catalogue: Catalogue) -> list[Problem]:
    """Every problem of a job; none if it can be planned."""
    return list(examine(job, catalogue).problems)


def examine(job: JobSpec, catalogue: Catalogue) -> Findings:
    """Every problem of a job, and notes on what is ignored."""
    return _Examination(job, catalogue).run()


class _Examination:
    def __init__(self, job: JobSpec, catalogue: Catalogue) -> None:
        self.job = job
        self.catalogue = catalogue
        self.findings = Findings()
        self.nodes = {node.name: node for node in job.dsl.components}
        self.validators: dict[str, Validator] = {}

    def run(self) -> Findings:
        for node in self.job.dsl.components:
            declaration = self.catalogue.get(node.module)
            if declaration is None:
                hint = did_you_mean(node.module, self.catalogue)
                message = f'module "{node.module}" does not exist{hint}'
                self.findings.problem(_dsl_path(node.name, "module"), message)
                continue
            self._check_roles(node, declaration)
            self._check_slots(node, declaration)
            self._check_other_inputs(node, declaration)
            self._check_outputs(node, declaration)
            self._check_seats(node, declaration)
        self._check_key_holder()
        return self.findings

    # --- roles -----------------------------------------------------------------------------------

    def _check_roles(self, node: ComponentNode, declaration: ModuleDecl) -> None:
        roles = self.job.conf.roles
        for role in _in_order(declaration.needs):
            if role not in roles:
                message = f"{declaration.module} ({node.name}) needs a party in role {role}"
                self.findings.problem((CONF, "role"), message)
        if not declaration.roles & set(roles):
            message = f"{declaration.module} runs at {listed(declaration.roles)} only, and the job"
            path = _dsl_path(node.name, "module")
            self.findings.problem(path, f"{message} has {listed(roles)}")
        for seat in self.job.conf.seats:
            if seat.role in declaration.roles:
                continue
            for section in self.job.conf.parameters_of(node.name, seat).sections:
                if section.path[2] == "role" or section.path[1] == "role_parameters":
                    message = f"{declaration.module} does not run at {seat.role}; ignored"
                    self.findings.note(section.path, message)

    def _check_key_holder(self) -> None:
        """A party that is both guest and arbiter would decrypt what the hosts hide from it."""
        roles = self.job.conf.roles
        modules = {self._module_of(node) for node in self.job.dsl.components}
        affected = listed(modules & _KEYS_AT_THE_ARBITER)
        if not modules & _KEYS_AT_THE_ARBITER or not {GUEST, HOST, ARBITER} <= set(roles):
            return
        for i, party_id in enumerate(roles[ARBITER]):
            if party_id in roles[GUEST] and set(roles[HOST]) != {party_id}:
                message = f"party {party_id} is guest and arbiter: in {affected} the arbiter"
                message += " decrypts what hosts hide from the guest; name another arbiter"
                self.findings.problem((CONF, "role", "arbiter", i), message)

    def _module_of(self, node: ComponentNode) -> str:
        declaration = self.catalogue.get(node.module)
        return declaration.module if declaration else node.module

    # --- ports -----------------------------------------------------------------------------------

    def _check_slots(self, node: ComponentNode, declaration: ModuleDecl) -> None:
        known = [slot.name for slot in declaration.data_slots]
        path = _dsl_path(node.name, "input", "data")
        for slot in node.data:
            if find_slot(slot, node, declaration) is None:
                hint = did_you_mean(slot, known) or f"; it has {listed(known)}"
                message = f'{declaration.module} has no data slot "{slot}"{hint}'
                self.findings.problem((*path, slot), message)
        many = {slot.name for slot in declaration.data_slots if slot.many}
        for slot, refs in bound_slots(node, declaration).items():
            if len(refs) > 1 and slot not in many:
                message = f"{declaration.module} takes one table here, not {len(refs)}"
                self.findings.problem((*path, slot), message)
        if known and not node.data and not node.cache:
            message = f"{declaration.module} needs a table at {' or '.join(known)}"
            self.findings.problem(path, message)

    def _check_other_inputs(self, node: ComponentNode, declaration: ModuleDecl) -> None:
        takes = {
            "model": (node.model, declaration.model_in),
            "isometric_model": (node.isometric_model, declaration.isometric_in),
            "cache": (node.cache, declaration.cache_in),
        }
        for slot, (refs, accepted) in takes.items():
            if refs and not accepted:
                message = f"{declaration.module} takes no {slot.replace('_', ' ')}"
                self.findings.problem(_dsl_path(node.name, "input", slot), message)

    def _check_outputs(self, node: ComponentNode, declaration: ModuleDecl) -> None:
        """Outputs that a module never makes are ignored, as FATE does, unless they are used."""
        for kind, made in _made(declaration).items():
            for i, name in enumerate(node.outputs.of(kind)[made:], start=made):
                message = f"{declaration.module} makes {_count(made, kind)}"
                users = list(self._users(PortRef(node.name, name, kind, i)))
                for path in users:
                    self.findings.problem(path, f"{message}, so {name} never comes")
                if not users:
                    path = _dsl_path(node.name, "output", kind.value, i)
                    self.findings.note(path, f"{message}; ignored")

    def _users(self, wanted: PortRef) -> Iterator[Path]:
        for node in self.job.dsl.components:
            for slot, i, ref in node.inputs():
                if ref == wanted:
                    inside = ("data", slot) if ref.kind is PortKind.DATA else (slot,)
                    yield _dsl_path(node.name, "input", *inside, i)

    # --- parameters ------------------------------------------------------------------------------

    def _check_seats(self, node: ComponentNode, declaration: ModuleDecl) -> None:
        owner = parameters_owner(self.job.dsl, self.catalogue, node)
        checked = set()
        for seat in self.job.conf.seats:
            if seat.role not in declaration.roles or self.findings.full:
                continue
            parameters = self.job.conf.parameters_of(owner, seat)
            if declaration.module == READER:
                self._check_table(node, seat, parameters)
            if declaration.module == CACHE_LOADER and find_table(parameters.values) is None:
                message = f"{seat} needs a cache: job_id, component_name and cache_name"
                self.findings.problem(parameters.path_of(()), message)
            # Seats that share every section share every value: one look is enough.
            key = tuple((section.path, section.index) for section in parameters.sections)
            if key not in checked:
                checked.add(key)
                self._check_parameters(declaration, parameters)

    def _check_parameters(self, declaration: ModuleDecl, parameters: ComponentParameters) -> None:
        validator = self.validators.get(declaration.module)
        if validator is None:
            validator = self.validators[declaration.module] = validator_of(declaration)
        for path, message in schema_problems(validator, parameters.values):
            self.findings.problem(parameters.path_of(path), message)

    def _check_table(
        self, node: ComponentNode, seat: Party, parameters: ComponentParameters
    ) -> None:
        if find_table(parameters.values) is not None:
            return
        wanted = f'{seat} needs a table, {{"name": ..., "namespace": ...}}'
        if "table" in parameters.values:
            self.findings.problem(parameters.path_of(("table",)), f"is no table's name: {wanted}")
            return
        index = self.job.conf.roles[seat.role].index(seat.party_id)
        path: Path = ("component_parameters", "role", seat.role, str(index), node.name, "table")
        if node.args_key is not None:
            path = ("role_parameters", seat.role, "args", "data", node.args_key)
        elif self.job.dsl.version == 1:
            path = ("role_parameters", seat.role, node.name, "table", index)
        self.findings.problem((CONF, *path), f"is missing: {wanted}")


def _dsl_path(name: str, *rest: str | int) -> Path:
    return ("job_dsl", "components", name, *rest)


def _in_order(roles: frozenset[Role]) -> list[Role]:
    return [role for role in Role if role in roles]


def _made(declaration: ModuleDecl) -> Mapping[PortKind, int]:
    """How many outputs of each kind a module can make; FATE keeps one model under any name."""
    return {
        PortKind.DATA: declaration.data_out,
        PortKind.MODEL: 1_000_000 if declaration.model_out else 0,
        PortKind.CACHE: 1_000_000 if declaration.cache_out else 0,
    }


def _count(number: int, kind: PortKind) -> str:
    name = {PortKind.DATA: "table", PortKind.MODEL: "model", PortKind.CACHE: "cache"}[kind]
    return f"no {name}" if number == 0 else f"{number} {name}{'s' if number > 1 else ''}"
