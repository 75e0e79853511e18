"""The parameter sections of a conf, gathered per component and seat.

Version 1: `algorithm_parameters.<component>` for all, then `role_parameters.<role>.<component>`
with a list per party at every leaf; `role_parameters.<role>.args.data.<key>` is the table of the
Reader that stands for `args.<key>`.
Version 2: `component_parameters.common.<component>` for all, then
`component_parameters.role.<role>.<index key>.<component>` in file order.
"""

from collections.abc import Mapping

from federation.spec.dsl import Dsl
from federation.spec.findings import Findings, Path, did_you_mean, kind_of
from federation.spec.parameters import (
    ComponentParameters,
    Section,
    check_lists,
    combined,
    seats_of_key,
)
from federation.spec.party import Party, Role

_Roles = Mapping[Role, tuple[str, ...]]
_Parameters = dict[tuple[str, Party], ComponentParameters]


def component_parameters(
    findings: Findings, conf: Mapping[str, object], dsl: Dsl, roles: _Roles
) -> _Parameters:
    """Parameters of every component of `dsl` at every seat, where the conf gives any."""
    if dsl.version == 1:
        return _OfVersion1(findings, dsl, roles).read(conf)
    return _OfVersion2(findings, dsl, roles).read(conf.get("component_parameters"))


class _Gathering:
    """Sections by component and seat, in the order in which they win."""

    def __init__(self, findings: Findings, dsl: Dsl, roles: _Roles) -> None:
        self.findings = findings
        self.roles = roles
        # A prediction may run with the parameters of a component that only the training had.
        stored = {ref.component for n in dsl.components for _, _, ref in n.inputs() if ref.stored}
        self.names = {*dsl.names, *stored}
        self.readers = {node.args_key: node.name for node in dsl.components if node.args_key}
        self.common: dict[str, Section] = {}
        self.own: dict[tuple[str, Party], list[Section]] = {}

    def parameters(self, home: Path) -> _Parameters:
        """What was gathered; `home` is where common parameters of all components stand."""
        shared = {name: combined((*home, name), (s,)) for name, s in self.common.items()}
        seats = [Party(role, party_id) for role in self.roles for party_id in self.roles[role]]
        result = {(name, seat): given for name, given in shared.items() for seat in seats}
        for (name, seat), sections in self.own.items():
            first = [self.common[name]] if name in self.common else []
            result[name, seat] = combined((*home, name), (*first, *sections))
        return result

    def add_common(self, value: object, path: Path) -> None:
        """Sections that hold for all parties."""
        for name, values in self.sections_in(value, path):
            self.common[name] = Section((*path, name), values)

    def add(self, name: str, seat: Party, section: Section) -> None:
        """One section of one seat."""
        self.own.setdefault((name, seat), []).append(section)

    def sections_in(self, value: object, path: Path) -> list[tuple[str, Mapping[str, object]]]:
        """Sections of components that the DSL has; the others leave a note."""
        found = []
        for name, values in self.findings.object_at(value, path).items():
            if name in self.names:
                found.append((name, self.findings.object_at(values, (*path, name))))
            elif name != "args":
                hint = did_you_mean(name, self.names)
                self.findings.note((*path, name), f"is not in the DSL and is ignored{hint}")
        return found

    def roles_in(self, value: object, path: Path) -> list[tuple[Role, Mapping[str, object], Path]]:
        """Parts of roles that the job has; a role with a slip of the pen is a problem."""
        found = []
        for name, part in self.findings.object_at(value, path).items():
            if name not in set(Role):
                self.findings.unknown_key(path, name, list(Role))
            elif Role(name) in self.roles:
                part_path = (*path, name)
                found.append((Role(name), self.findings.object_at(part, part_path), part_path))
            else:
                self.findings.note((*path, name), "is a role this job does not have; ignored")
        return found


class _OfVersion1(_Gathering):
    def read(self, conf: Mapping[str, object]) -> _Parameters:
        home: Path = ("job_runtime_conf", "algorithm_parameters")
        self.add_common(conf.get("algorithm_parameters"), home)
        of_roles = conf.get("role_parameters")
        for role, part, path in self.roles_in(of_roles, ("job_runtime_conf", "role_parameters")):
            for name, values in self.sections_in(part, path):
                self._add_lists(name, values, role, (*path, name))
            args = self.findings.object_at(part.get("args"), (*path, "args"))
            self._add_tables(args.get("data"), role, (*path, "args", "data"))
        return self.parameters(home)

    def _add_lists(self, name: str, values: Mapping[str, object], role: Role, path: Path) -> None:
        parties = self.roles[role]
        if check_lists(self.findings, values, path, len(parties)):
            for i, party_id in enumerate(parties):
                self.add(name, Party(role, party_id), Section(path, values, i))

    def _add_tables(self, value: object, role: Role, path: Path) -> None:
        parties = self.roles[role]
        for key, tables in self.findings.object_at(value, path).items():
            if key not in self.readers:
                self.findings.note((*path, key), f"the DSL has no args.{key}; ignored")
            elif check_lists(self.findings, tables, (*path, key), len(parties)):
                listed = self.findings.list_at(tables, (*path, key))
                for i, (party_id, table) in enumerate(zip(parties, listed, strict=False)):
                    at = (*path, key, i)
                    if isinstance(table, dict):
                        section = Section(at, table, inside="table")
                        self.add(self.readers[key], Party(role, party_id), section)
                    else:
                        self.findings.problem(at, f"is {kind_of(table)}, must be a table's name")


class _OfVersion2(_Gathering):
    def read(self, value: object) -> _Parameters:
        path: Path = ("job_runtime_conf", "component_parameters")
        given = self.findings.object_at(value, path)
        for key in given:
            if key not in ("common", "role"):
                self.findings.unknown_key(path, key, ("common", "role"))
        self.add_common(given.get("common"), (*path, "common"))
        for role, part, role_path in self.roles_in(given.get("role"), (*path, "role")):
            for key, sections in part.items():
                self._add_places(key, sections, role, (*role_path, key))
        return self.parameters((*path, "common"))

    def _add_places(self, key: str, value: object, role: Role, path: Path) -> None:
        parties = self.roles[role]
        places = seats_of_key(key, len(parties))
        if not places:
            self.findings.note(path, f"is no index among the {len(parties)} of {role}; ignored")
            return
        for name, values in self.sections_in(value, path):
            for place in places:
                self.add(name, Party(role, parties[place]), Section((*path, name), values))
