"""The DSL of a job: components, and which output feeds which slot. Versions 1 and 2, one form.

Version 1 names tables by `args.<key>`; here each key is a Reader (`reader_0`, `reader_1`, ... in
the order of first use) with one output of that name, so that nothing after this module knows the
difference. Components stand in topological order, the same at every reading.
Source: FATE-Flow DSL, versions 1.2 to 1.11.
"""

import graphlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from federation.spec.documents import find_flaw
from federation.spec.findings import Findings, Path, did_you_mean, listed, shown

READER = "Reader"
SERVING = "Serving"
CACHE_LOADER = "CacheLoader"
MODEL_LOADER = "ModelLoader"
"""The module of a loaded model; the coordinator writes it into jobs of its own."""
DATA_SLOTS = ("data", "train_data", "validate_data", "test_data", "eval_data")
"""Data slots that some module of FATE has; `eval_data` is the old name of `validate_data`."""
MOST_COMPONENTS = 500
MOST_NESTING = 64
"""Levels a DSL or a conf may have; FATE's own stay below 12."""

_INPUTS = ("data", "model", "isometric_model", "cache")
_OUTPUTS = ("data", "model", "cache")
_DSL_KEYS = ("components", "provider")
_COMPONENT_KEYS = ("module", "input", "output", "need_deploy", "provider", "CodePath")
_RESERVED = ("args", "pipeline")
_LONGEST_NAME = 100


class PortKind(StrEnum):
    """What goes through a port."""

    DATA = "data"
    MODEL = "model"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class PortRef:
    """An output that feeds an input.

    Attributes:
        component: the component that makes it.
        output: the output's name.
        index: its position among the component's outputs of this kind.
        stored: it was made by the training job (`pipeline.<component>.<output>`).
    """

    component: str
    output: str
    kind: PortKind
    index: int = 0
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Outputs:
    """Names of a component's outputs, by kind; the position decides what each is."""

    data: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    cache: tuple[str, ...] = ()

    def of(self, kind: PortKind) -> tuple[str, ...]:
        """Names of one kind."""
        return {PortKind.DATA: self.data, PortKind.MODEL: self.model, PortKind.CACHE: self.cache}[
            kind
        ]


@dataclass(frozen=True, slots=True)
class ComponentNode:
    """One component of a DSL.

    Attributes:
        data: data slot -> the outputs that feed it; a slot without any is left out.
        need_deploy: what the DSL says about deploying it, if it says anything.
        args_key: for a Reader that stands for version 1's `args.<key>`, that key.
    """

    name: str
    module: str
    data: Mapping[str, tuple[PortRef, ...]] = field(default_factory=dict)
    model: tuple[PortRef, ...] = ()
    isometric_model: tuple[PortRef, ...] = ()
    cache: tuple[PortRef, ...] = ()
    outputs: Outputs = Outputs()
    need_deploy: bool | None = None
    args_key: str | None = None

    def inputs(self) -> Iterator[tuple[str, int, PortRef]]:
        """Every input as (slot, position, source); models and caches have slots of their kind."""
        for slot, refs in self.data.items():
            yield from ((slot, i, ref) for i, ref in enumerate(refs))
        yield from (("model", i, ref) for i, ref in enumerate(self.model))
        yield from (("isometric_model", i, ref) for i, ref in enumerate(self.isometric_model))
        yield from (("cache", i, ref) for i, ref in enumerate(self.cache))

    @property
    def upstream(self) -> frozenset[str]:
        """Components of this DSL that must have succeeded before this one runs."""
        return frozenset(ref.component for _, _, ref in self.inputs() if not ref.stored)


@dataclass(frozen=True, slots=True)
class Dsl:
    """The components of a job, each after all that feed it."""

    components: tuple[ComponentNode, ...]
    version: int = 2

    def find(self, name: str) -> ComponentNode | None:
        """The component of that name, if there is one."""
        return next((node for node in self.components if node.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in topological order."""
        return tuple(node.name for node in self.components)


def read_dsl(document: object, version: int = 2, *, predict: bool = False) -> Dsl:
    """A DSL from its JSON.

    Args:
        predict: whether inputs may name models of the training job, `pipeline.<component>.<model>`.

    Raises:
        InvalidJob: every problem, each with its path under `job_dsl`.
    """
    findings = Findings()
    dsl = read_dsl_into(findings, document, version, predict=predict)
    findings.settle()
    return dsl


def read_dsl_into(
    findings: Findings,
    document: object,
    version: int,
    *,
    predict: bool = False,
    root: Path = ("job_dsl",),
) -> Dsl:
    """As `read_dsl`, with the problems going to `findings`; then the result may lack parts."""
    if flaw := find_flaw(document, MOST_NESTING, root):
        findings.problem((), str(flaw))
        return Dsl((), version)
    return _DslReading(findings, document, version, predict, (*root, "components")).dsl()


class _DslReading:
    """One reading of one DSL: outputs of all components first, then the references to them."""

    def __init__(
        self, findings: Findings, document: object, version: int, predict: bool, path: Path
    ) -> None:
        self.findings = findings
        self.version = version
        self.predict = predict
        self.path = path
        self.documents = self._component_documents(document)
        self.outputs = {name: self._outputs(name) for name in self.documents}
        self.readers: dict[str, str] = {}
        """Keys of `args` in the order of first use, and the Reader that stands for each."""

    def dsl(self) -> Dsl:
        nodes = {name: self._node(name) for name in self.documents}
        readers = {
            reader: ComponentNode(reader, READER, outputs=Outputs((key,)), args_key=key)
            for key, reader in self.readers.items()
        }
        return Dsl(self._ordered(readers | nodes), self.version)

    def _component_documents(self, document: object) -> dict[str, Mapping[str, object]]:
        root = self.path[:-1]
        if document is None or document == {}:
            self.findings.problem(root, "is missing: a job needs a DSL with components")
            return {}
        dsl = self.findings.object_at(document, root)
        for key in dsl:
            if key not in _DSL_KEYS:
                self.findings.unknown_key(root, key, _DSL_KEYS)
        components = self.findings.object_at(dsl.get("components"), self.path)
        if dsl and dsl.get("components") in (None, {}):
            self.findings.problem(root, "has no components")
        if len(components) > MOST_COMPONENTS:
            message = f"has {len(components)} components, the most is {MOST_COMPONENTS}"
            self.findings.problem(self.path, message)
            return {}
        self._check_names(components)
        return {
            name: self.findings.object_at(value, (*self.path, name))
            for name, value in components.items()
            if self._is_object(name, value)
        }

    def _is_object(self, name: str, value: object) -> bool:
        if value is None:
            self.findings.problem((*self.path, name), "is null, must be an object")
        return value is not None

    def _check_names(self, names: Collection[str]) -> None:
        for name in names:
            path = (*self.path, name)
            if not name or not all(c.isalnum() or c in "_-" for c in name):
                self.findings.problem(path, "a component's name has letters, digits, _ and - only")
            elif len(name) > _LONGEST_NAME:
                self.findings.problem(path, f"a name has at most {_LONGEST_NAME} characters")
            elif name in _RESERVED:
                self.findings.problem(path, f'"{name}" is a reserved word, not a name')

    # --- parts of one component ------------------------------------------------------------------

    def _node(self, name: str) -> ComponentNode:
        document, path = self.documents[name], (*self.path, name)
        for key in document:
            if key not in _COMPONENT_KEYS:
                self.findings.unknown_key(path, key, _COMPONENT_KEYS)
        inputs = self.findings.object_at(document.get("input"), (*path, "input"))
        for key in inputs:
            if key not in _INPUTS:
                self.findings.unknown_key((*path, "input"), key, _INPUTS)
        slots = self.findings.object_at(inputs.get("data"), (*path, "input", "data"))
        return ComponentNode(
            name=name,
            module=self._module(document, path),
            data={
                slot: refs
                for slot, value in slots.items()
                if (refs := self._refs(value, (*path, "input", "data", slot), name, PortKind.DATA))
            },
            model=self._refs_at(inputs, "model", path, PortKind.MODEL),
            isometric_model=self._refs_at(inputs, "isometric_model", path, PortKind.MODEL),
            cache=self._refs_at(inputs, "cache", path, PortKind.CACHE),
            outputs=self.outputs[name],
            need_deploy=self._need_deploy(document, path),
        )

    def _module(self, document: Mapping[str, object], path: Path) -> str:
        if "module" in document:
            return self.findings.text_at(document["module"], (*path, "module")) or ""
        self.findings.problem(path, "has no module")
        return ""

    def _need_deploy(self, document: Mapping[str, object], path: Path) -> bool | None:
        match document.get("need_deploy"):
            case None:
                return None
            case bool() | 0 | 1 as value:
                return bool(value)
            case value:
                message = f"is {shown(value)}, must be true or false"
                self.findings.problem((*path, "need_deploy"), message)
                return None

    def _outputs(self, name: str) -> Outputs:
        path = (*self.path, name, "output")
        outputs = self.findings.object_at(self.documents[name].get("output"), path)
        for key in outputs:
            if key not in _OUTPUTS:
                self.findings.unknown_key(path, key, _OUTPUTS)
        data, model, cache = (self._output_names(outputs.get(k), (*path, k)) for k in _OUTPUTS)
        return Outputs(data, model, cache)

    def _output_names(self, value: object, path: Path) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for i, entry in enumerate(self.findings.list_at(value, path)):
            output = self.findings.text_at(entry, (*path, i))
            if output is None:
                continue
            if "." in output:
                self.findings.problem((*path, i), "an output's name has no dot")
            elif output in names:
                self.findings.problem((*path, i), f'"{output}" is there twice')
            names[output] = None
        return tuple(names)

    # --- references ------------------------------------------------------------------------------

    def _refs_at(
        self, inputs: Mapping[str, object], slot: str, path: Path, kind: PortKind
    ) -> tuple[PortRef, ...]:
        return self._refs(inputs.get(slot), (*path, "input", slot), str(path[-1]), kind)

    def _refs(self, value: object, path: Path, name: str, kind: PortKind) -> tuple[PortRef, ...]:
        refs = []
        for i, entry in enumerate(self.findings.list_at(value, path)):
            text = self.findings.text_at(entry, (*path, i))
            ref = self._ref(text, (*path, i), name, kind) if text is not None else None
            if ref is not None:
                refs.append(ref)
        return tuple(refs)

    def _ref(self, text: str, path: Path, name: str, kind: PortKind) -> PortRef | None:
        match text.split("."):
            case ["args", key] if kind is PortKind.DATA and key:
                return self._args(key, path)
            case ["pipeline", component, output] if component and output:
                return self._stored(component, output, path, kind)
            case [component, output] if component and output:
                return self._output_of(component, output, path, name, kind)
        self.findings.problem(path, f"{shown(text)} is not of the form component.output")
        return None

    def _args(self, key: str, path: Path) -> PortRef | None:
        if self.version != 1:
            message = f"args.{key} is of dsl_version 1; name the output of a Reader: reader_0.data"
            self.findings.problem(path, message)
            return None
        if key not in self.readers:
            taken = {*self.documents, *self.readers.values()}
            number = len(self.readers)
            while f"reader_{number}" in taken:
                number += 1
            self.readers[key] = f"reader_{number}"
        return PortRef(self.readers[key], key, PortKind.DATA)

    def _stored(self, component: str, output: str, path: Path, kind: PortKind) -> PortRef | None:
        if self.predict and kind is not PortKind.DATA:
            return PortRef(component, output, kind, stored=True)
        only = "a prediction" if kind is not PortKind.DATA else "a model input of a prediction"
        self.findings.problem(path, f"only {only} may name what a training job stored")
        return None

    def _output_of(
        self, component: str, output: str, path: Path, name: str, kind: PortKind
    ) -> PortRef | None:
        if component == name:
            self.findings.problem(path, f"{name} can not feed itself")
            return None
        if component not in self.outputs:
            hint = self._hint(component, self.outputs)
            self.findings.problem(path, f'component "{component}" does not exist{hint}')
            return None
        names = self.outputs[component].of(kind)
        if output in names:
            return PortRef(component, output, kind, names.index(output))
        others = [k for k in PortKind if output in self.outputs[component].of(k)]
        known = f"; it has {listed(names)}" if len(names) < 9 else ""
        hint = f"; it is a {others[0]} output" if others else self._hint(output, names) or known
        message = f'component "{component}" has no {kind} output "{output}"{hint}'
        self.findings.problem(path, message)
        return None

    def _hint(self, word: str, known: Collection[str]) -> str:
        return "" if self.findings.full else did_you_mean(word, known)

    # --- order -----------------------------------------------------------------------------------

    def _ordered(self, nodes: dict[str, ComponentNode]) -> tuple[ComponentNode, ...]:
        """Nodes in topological order; every loop is a problem, and its components are left out."""
        left = dict(nodes)
        while not self.findings.full:
            sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
            for name in left:
                sorter.add(name)
            for name, node in left.items():
                sorter.add(name, *(up for up in sorted(node.upstream) if up in left))
            try:
                return tuple(left[name] for name in sorter.static_order())
            except graphlib.CycleError as error:
                loop: list[str] = error.args[1]
                self.findings.problem(self.path, f"there is a loop: {' -> '.join(loop)}")
                for name in loop[1:]:
                    del left[name]
        return ()
