"""From a training to a prediction: the DSL that is deployed.

It keeps some components of the training, each with the model it stored; what is left out in between
is bridged by what went into it.
Source: FATE-Flow 1.x, deduction of the prediction DSL.
"""

from collections.abc import Collection, Iterator
from typing import cast

from federation.errors import InvalidJob, Problem
from federation.spec.catalogue import Catalogue
from federation.spec.documents import JsonObject, JsonValue
from federation.spec.dsl import READER, ComponentNode, Dsl, PortRef, read_dsl
from federation.spec.findings import did_you_mean

_PREDICTION_SLOTS = {
    "data": "data",
    "train_data": "test_data",
    "validate_data": "test_data",
    "test_data": "test_data",
    "eval_data": "test_data",
}
"""Data slot of the training -> slot of the prediction; the first that is given counts."""

_BRIDGED_SLOTS = ("train_data", "eval_data", "test_data", "data")
"""Where a component that is left out has what goes on in its place."""

_NOT_DEPLOYED = frozenset({"Evaluation", "FederatedSample", "PSI"})


def deploy(
    train_dsl: JsonObject, components: Collection[str] | None = None, version: int = 2
) -> JsonObject:
    """The prediction DSL of a training that keeps some of its components.

    What a component takes from outside `components` (normally from a Reader) is erased: whoever
    predicts adds a Reader of their own. In version 1 tables are named by the conf, and every
    `args.<key>` becomes `args.eval_data`.

    Args:
        components: those to keep; all if None.

    Raises:
        InvalidJob: the training DSL has problems, or lacks some of `components`.
    """
    dsl = read_dsl(train_dsl, version)
    names = [node.name for node in dsl.components if node.args_key is None]
    kept = names if components is None else tuple(components)
    unknown = [
        Problem(f"cpn_list[{i}]", f'component "{n}" does not exist{did_you_mean(n, names)}')
        for i, n in enumerate(kept)
        if n not in names
    ]
    if unknown:
        raise InvalidJob(unknown)
    return _Deduction(dsl, frozenset(kept)).document()


def check_deployed(predict_dsl: JsonObject, train_dsl: JsonObject) -> None:
    """See that a prediction DSL fits the training it is deployed from.

    Raises:
        InvalidJob: it has problems, or takes a model that the training does not store.
    """
    stored = {n.name: n.outputs.model for n in read_dsl(train_dsl, 2).components}
    problems = [
        Problem(
            f"predict_dsl.components.{node.name}.input.model",
            f"the training stores no model {ref.component}.{ref.output}"
            f"{did_you_mean(ref.component, [name for name in stored if stored[name]])}",
        )
        for node in read_dsl(predict_dsl, 2, predict=True).components
        for ref in node.model
        if ref.stored and ref.output not in stored.get(ref.component, ())
    ]
    if problems:
        raise InvalidJob(problems)


def deduce(train_dsl: JsonObject, catalogue: Catalogue) -> JsonObject:
    """The prediction DSL of a training of DSL version 1, which deploys nothing by hand.

    All components are kept but those with `need_deploy` false, in the DSL or else by their module;
    every `args.<key>` becomes `args.eval_data`.

    Raises:
        InvalidJob: the training DSL has problems.
    """
    dsl = read_dsl(train_dsl, 1)
    kept = {n.name for n in dsl.components if n.args_key is None and _deployed(n, catalogue)}
    return _Deduction(dsl, frozenset(kept)).document()


def _deployed(node: ComponentNode, catalogue: Catalogue) -> bool:
    if node.need_deploy is not None:
        return node.need_deploy
    declaration = catalogue.get(node.module)
    return declaration.need_deploy if declaration else node.module not in _NOT_DEPLOYED


class _Deduction:
    """One prediction DSL in the making."""

    def __init__(self, dsl: Dsl, kept: frozenset[str]) -> None:
        self.nodes = {node.name: node for node in dsl.components}
        self.kept = kept

    def document(self) -> JsonObject:
        components = {n.name: self._component(n) for n in self.nodes.values() if self._keeps(n)}
        return {"components": cast(JsonObject, components)}

    def _keeps(self, node: ComponentNode) -> bool:
        return node.name in self.kept

    def _component(self, node: ComponentNode) -> JsonObject:
        given: JsonObject = {
            "data": self._data(node),
            "model": cast(JsonValue, self._models(node)),
            "cache": [f"{ref.component}.{ref.output}" for ref in node.cache],
        }
        outputs: JsonObject = {"data": list(node.outputs.data), "cache": list(node.outputs.cache)}
        result: JsonObject = {"module": node.module}
        for key, part in (("input", given), ("output", outputs)):
            if filled := {name: value for name, value in part.items() if value}:
                result[key] = cast(JsonObject, filled)
        return result

    def _models(self, node: ComponentNode) -> list[str]:
        if node.outputs.model or "train_data" in node.data:
            return [f"pipeline.{node.name}.{output}" for output in node.outputs.model]
        # It transforms with the model of another one, which the training stored.
        return [f"pipeline.{ref.component}.{ref.output}" for ref in node.model]

    def _data(self, node: ComponentNode) -> JsonObject:
        for slot, wanted in _PREDICTION_SLOTS.items():
            if slot in node.data:
                sources = [found for ref in node.data[slot] for found in self._bridged(ref)]
                return {wanted: list(dict.fromkeys(sources))} if sources else {}
        return {}

    def _bridged(self, ref: PortRef) -> Iterator[str]:
        """The output that stands for `ref` among what is kept; nothing if there is none."""
        while ref.component not in self.kept:
            node = self.nodes[ref.component]
            if node.args_key is not None:
                yield "args.eval_data"
                return
            slot = next((slot for slot in _BRIDGED_SLOTS if slot in node.data), None)
            if node.module == READER or slot is None:
                return
            ref = node.data[slot][0]
        yield f"{ref.component}.{ref.output}"
