"""Reading a DSL."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import InvalidJob
from federation.spec.dsl import READER, PortKind, PortRef, read_dsl


def problems(document: object, version: int = 2, *, predict: bool = False) -> list[str]:
    with pytest.raises(InvalidJob) as caught:
        read_dsl(document, version, predict=predict)
    return [str(problem) for problem in caught.value.problems]


def component(module: str = "M", data: object = None, **more: object) -> dict[str, Any]:
    given_input = {"data": data} if data is not None else {}
    return {"module": module, "input": given_input, "output": {"data": ["data"]}, **more}


def test_ports_say_what_feeds_them(dsl_v2: dict[str, Any]) -> None:
    lr = read_dsl(dsl_v2).find("hetero_lr_0")
    assert lr is not None
    assert lr.data == {"train_data": (PortRef("intersection_0", "data", PortKind.DATA),)}
    assert lr.outputs.model == ("model",)
    assert lr.upstream == {"intersection_0"}


def test_an_output_is_known_by_its_position() -> None:
    dsl = read_dsl(
        {
            "components": {
                "s": {"module": "S", "output": {"data": ["a", "b", "c"]}},
                "t": component(data={"data": ["s.c", "s.a"]}),
            }
        }
    )
    node = dsl.find("t")
    assert node is not None
    assert [ref.index for ref in node.data["data"]] == [2, 0]


def test_args_become_readers_in_the_order_of_first_use(dsl_v1: dict[str, Any]) -> None:
    dsl = read_dsl(dsl_v1, 1)
    readers = [(n.name, n.args_key, n.outputs.data) for n in dsl.components if n.module == READER]
    assert readers == [
        ("reader_0", "train_data", ("train_data",)),
        ("reader_1", "eval_data", ("eval_data",)),
    ]
    node = dsl.find("dataio_1")
    assert node is not None
    assert node.data["data"] == (PortRef("reader_1", "eval_data", PortKind.DATA),)


def test_a_reader_for_args_takes_no_name_that_is_taken() -> None:
    document = {
        "components": {
            "reader_0": {"module": "Reader", "output": {"data": ["data"]}},
            "x_0": component(data={"data": ["reader_0.data", "args.a", "args.b", "args.a"]}),
        }
    }
    names = {n.args_key: n.name for n in read_dsl(document, 1).components if n.args_key}
    assert names == {"a": "reader_1", "b": "reader_2"}


def test_args_are_refused_in_version_2(dsl_v1: dict[str, Any]) -> None:
    assert problems(dsl_v1, 2)[0] == (
        "job_dsl.components.dataio_0.input.data.data[0]: "
        "args.train_data is of dsl_version 1; name the output of a Reader: reader_0.data"
    )


def test_all_problems_come_at_once_each_with_its_path() -> None:
    document = {
        "components": {
            "hetero_lr_0": {
                "module": "HeteroLR",
                "input": {
                    "data": {"train_data": ["intersect_0.data", "intersection_0.dta", "nodot"]},
                    "model": ["intersection_0.data"],
                    "isometric_model": "intersection_0.model",
                },
                "output": {"data": ["a", "a", "b.c", 3], "modl": ["m"]},
                "need_deploy": "perhaps",
            },
            "intersection_0": {"input": [], "output": {"data": ["data"], "model": ["model"]}},
            "a b": {"module": ""},
            "args": {"module": "X"},
            "nothing": None,
        }
    }
    at = "job_dsl.components"
    assert sorted(problems(document)) == sorted(
        [
            f'{at}["a b"]: a component\'s name has letters, digits, _ and - only',
            f'{at}["a b"].module: is empty, must be a text',
            f'{at}.args: "args" is a reserved word, not a name',
            f"{at}.nothing: is null, must be an object",
            f'{at}.hetero_lr_0.output.modl: is not known here; did you mean "model"?',
            f'{at}.hetero_lr_0.output.data[1]: "a" is there twice',
            f"{at}.hetero_lr_0.output.data[2]: an output's name has no dot",
            f"{at}.hetero_lr_0.output.data[3]: is a number, must be a text",
            f'{at}.hetero_lr_0.need_deploy: is "perhaps", must be true or false',
            f"{at}.hetero_lr_0.input.data.train_data[0]: "
            'component "intersect_0" does not exist; did you mean "intersection_0"?',
            f"{at}.hetero_lr_0.input.data.train_data[1]: "
            'component "intersection_0" has no data output "dta"; did you mean "data"?',
            f"{at}.hetero_lr_0.input.data.train_data[2]: "
            '"nodot" is not of the form component.output',
            f"{at}.hetero_lr_0.input.model[0]: "
            'component "intersection_0" has no model output "data"; it is a data output',
            f"{at}.hetero_lr_0.input.isometric_model: "
            'is a text, must be a list: ["intersection_0.model"]',
            f"{at}.intersection_0: has no module",
            f"{at}.intersection_0.input: is a list, must be an object",
        ]
    )


@pytest.mark.parametrize("document", [None, {}, {"components": {}}, {"components": None}])
def test_a_dsl_without_components_is_refused(document: object) -> None:
    assert len(problems(document)) == 1


@pytest.mark.parametrize("document", [3, "x", [], [1], True, {"components": [1]}])
def test_a_dsl_of_another_kind_is_refused(document: object) -> None:
    assert any("must be an object" in problem for problem in problems(document))


def test_every_loop_is_named() -> None:
    document = {
        "components": {
            "a": component(data={"data": ["c.data"]}),
            "b": component(data={"data": ["a.data"]}),
            "c": component(data={"data": ["b.data"]}),
            "d": component(data={"data": ["e.data"]}),
            "e": component(data={"data": ["d.data", "a.data"]}),
            "f": component(data={"data": ["f.data"]}),
        }
    }
    found = problems(document)
    loops = [p.split("there is a loop: ")[1].split(" -> ") for p in found if "loop" in p]
    assert [sorted(set(loop)) for loop in loops] == [["a", "b", "c"], ["d", "e"]]
    for loop in loops:
        for up, down in pairwise(loop):
            assert document["components"][down]["input"]["data"]["data"][0] == f"{up}.data"
    assert "job_dsl.components.f.input.data.data[0]: f can not feed itself" in found


def test_a_stored_model_feeds_a_prediction_only() -> None:
    document = {"components": {"lr": component(data={}) | {"input": {"model": ["pipeline.lr.m"]}}}}
    node = read_dsl(document, predict=True).find("lr")
    assert node is not None
    assert node.model == (PortRef("lr", "m", PortKind.MODEL, stored=True),)
    assert node.upstream == frozenset()
    assert problems(document) == [
        "job_dsl.components.lr.input.model[0]: "
        "only a prediction may name what a training job stored"
    ]


def test_unknown_keys_that_resemble_nothing_are_ignored() -> None:
    read_dsl({"components": {"a": component(CodePath="x", colour=1)}, "version": 3})


def test_ten_thousand_levels_are_a_problem_and_no_recursion_error() -> None:
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    assert "nested deeper" in problems({"components": {"a": {"module": deep}}})[0]


def test_a_flood_of_problems_is_cut_and_counted() -> None:
    bad = {f"c_{i}": component(data={"data": [f"d_{i}.data"]}) for i in range(300)}
    found = problems({"components": bad})
    assert len(found) == 101
    assert found[-1] == "and 200 more"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """DSLs without loops, their components in any file order."""
    count = draw(st.integers(1, 12))
    ups = [draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(count)]
    order = draw(st.permutations(range(count)))
    return {
        "components": {
            f"c_{i}": component(data={"data": [f"c_{up}.data" for up in ups[i]]}) for i in order
        }
    }


@given(graphs())
def test_no_component_stands_before_what_feeds_it(document: dict[str, Any]) -> None:
    dsl = read_dsl(document)
    assert sorted(dsl.names) == sorted(document["components"])
    place = {name: i for i, name in enumerate(dsl.names)}
    for node in dsl.components:
        assert all(place[up] < place[node.name] for up in node.upstream)


@given(graphs(), st.data())
def test_an_edge_backwards_is_always_found_as_a_loop(
    document: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(document["components"])))
    node = read_dsl(document).find(name)
    assert node is not None
    for up in node.upstream:
        document["components"][up]["input"] = {"data": {"data": [f"{name}.data"]}}
        assert any("there is a loop: " in problem for problem in problems(document))
        return
