"""DataTransform and DataIO: uploaded text becomes instances, a label and numbers.

Columns are read by the header, the label column by its name, all others as features of
`data_type`. What counts as missing becomes empty, or what `missing_fill` says; outliers likewise.
The fit keeps the header and the replacement values; a later run on other rows takes the same
columns in the same order and the same values, whatever else the table has.

Nothing is sent: each party reads its own rows. Learns: nobody anything; the output model shows a
party's header and its replacement values (least, greatest or mean values of its columns) to whoever
may read that party's models. How input_format sparse and tag are read, `items` says.
Exact. Source: FATE 1.x DataTransform.
"""

from collections.abc import Mapping
from typing import Any

from federation.channel import Channel
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.dense import text_columns
from federation.components.features.instances import Learned, learn, make_instances, parts_of
from federation.components.features.items import learn_items, make_item_instances
from federation.components.features.params import DataIOParams, DataTransformParams
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table, TableKind

data_io = Component(
    "DataIO",
    DataIOParams,
    class_name="DataIOParam",
    inputs=(Slot("data"),),
    model_in=True,
    model_out=True,
)

data_transform = Component(
    "DataTransform",
    DataTransformParams,
    class_name="DataTransformParam",
    inputs=(Slot("data"),),
    model_in=True,
    model_out=True,
)


@data_io.on(GUEST, HOST)
@data_transform.on(GUEST, HOST)
async def read_rows(
    ch: Channel,
    p: DataIOParams,
    *,
    data: Table | None,
    model: Model | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Instances of the table: by the rules of `p`, or by those the model was made with."""
    if data is None:
        raise DataProblem("no table is bound to this component's input data")
    data.require(TableKind.RAW)
    if not data.rows:
        raise DataProblem("the table has a header and no rows; upload rows")
    module = "DataTransform" if isinstance(p, DataTransformParams) else "DataIO"
    if model is not None:
        trained, learned = _trained(model, type(p))
        table = _instances(data, trained, learned)
        if learned.label and table.schema.label is None:
            report.log("the table has no label column; its rows are read without a label")
        return Result(data=(table,), model=model, summary=_summary(trained, learned))
    if p.input_format == "dense":
        learned = learn(parts_of(text_columns(data, p.delimitor), p), p)
    else:
        learned = learn_items(data, p)
    table = _instances(data, p, learned)
    made = Model(
        module,
        meta=_meta(p),
        param=_param(data, p, learned, facts),
        state={"params": p.model_dump(), "learned": learned.to_state()},
        component=facts.component,
    )
    report.log("rows are read", rows=table.rows, features=len(learned.features))
    return Result(data=(table,), model=made, summary=_summary(p, learned))


def _instances(data: Table, p: DataIOParams, learned: Learned) -> Table:
    make = make_instances if p.input_format == "dense" else make_item_instances
    return make(data, p, learned)


def _trained(model: Model, kind: type[DataIOParams]) -> tuple[DataIOParams, Learned]:
    """Rules and values of the fit, whichever of the two modules made them."""
    rules = {n: v for n, v in model.state["params"].items() if n in kind.model_fields}
    return kind.parse(rules), Learned.from_state(model.state["learned"])


def _summary(p: DataIOParams, learned: Learned) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    if p.missing_fill:
        summary["missing_fill_info"] = {
            "missing_value": [str(value) for value in p.missing_impute or []],
            "missing_impute_value": dict(learned.missing.values),
            "missing_impute_rate": dict(learned.missing.shares),
        }
    if p.outlier_replace:
        summary["outlier_replace_rate"] = dict(learned.outlier.shares)
        summary["outlier_replace_value"] = dict(learned.outlier.values)
    return summary


def _meta(p: DataIOParams) -> dict[str, Any]:
    """FATE's DataIOMeta or DataTransformMeta."""
    meta: dict[str, Any] = {
        "inputFormat": p.input_format,
        "delimitor": p.delimitor,
        "dataType": p.data_type,
        "tagWithValue": p.tag_with_value,
        "tagValueDelimitor": p.tag_value_delimitor,
        "withLabel": p.with_label,
        "labelName": p.label_name,
        "labelType": p.label_type,
        "outputFormat": p.output_format,
        "imputerMeta": {
            "isImputer": p.missing_fill,
            "strategy": p.missing_fill_method or "",
            "missingValue": [str(value) for value in p.missing_impute or []],
        },
        "outlierMeta": {
            "isOutlier": p.outlier_replace,
            "strategy": p.outlier_replace_method or "",
            "outlierValue": [str(value) for value in p.outlier_impute or []],
        },
        "needRun": p.need_run,
        "exclusiveDataType": dict(p.exclusive_data_type or {}),
    }
    if isinstance(p, DataTransformParams):
        meta["withMatchId"] = p.with_match_id
    return meta


def _param(data: Table, p: DataIOParams, learned: Learned, facts: JobFacts) -> Mapping[str, Any]:
    """FATE's DataIOParam or DataTransformParam."""
    param: dict[str, Any] = {
        "header": list(learned.features),
        "sidName": data.schema.id_name,
        "labelName": learned.label or "",
        "imputerParam": {
            "missingReplaceValue": dict(learned.missing.values),
            "missingValueRatio": dict(learned.missing.shares),
        },
        "outlierParam": {
            "outlierReplaceValue": dict(learned.outlier.values),
            "outlierValueRatio": dict(learned.outlier.shares),
        },
    }
    if isinstance(p, DataTransformParams):
        seat = f"{facts.party.role.value}_{facts.party.party_id}"
        param["anonymousHeader"] = [f"{seat}_x{i}" for i in range(len(learned.features))]
    return param
