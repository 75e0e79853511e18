"""Parameter classes of the components that make features; FATE's names and defaults."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from federation.components.common.training import as_list, not_available
from federation.components.params import Params, choice


class _OrOne:
    """Says in the catalogue's schema that a list of one may be given without brackets."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(core)
        return {"anyOf": [many, many["items"]]}


OR_ONE = (BeforeValidator(as_list), _OrOne())
"""Marks a list for which FATE takes a single value too."""

ALL = -1
"""FATE's index for every column."""

Words = Annotated[list[str | int | float], *OR_ONE]
Indexes = Annotated[list[Annotated[int, Field(ge=ALL)]], *OR_ONE]
Names = Annotated[list[str], *OR_ONE]
if TYPE_CHECKING:
    ColumnType = str
    Method = str
else:
    ColumnType = choice("int", "int64", "long", "float", "float64", "str")
    Method = choice("min", "max", "mean", "designated")


class DataIOParams(Params):
    """FATE's DataIOParam."""

    input_format: choice("dense", "sparse", "tag") = Field(  # type: ignore[valid-type]
        "dense", description="columns, svmlight (sparse), or the tags a row has"
    )
    delimitor: str = Field(",", description="cuts values that stand in one column")
    data_type: ColumnType = "float64"
    exclusive_data_type: dict[str, ColumnType] | None = Field(None, description="of single columns")
    tag_with_value: bool = Field(False, description="only for input_format tag")
    tag_value_delimitor: str = Field(":", description="only for input_format tag")
    missing_fill: bool = Field(False, description="replace what is missing in dense rows")
    default_value: Any = Field(0, description="for the method designated: one, or one a column")
    missing_fill_method: Method | None = None
    missing_impute: Words | None = Field(
        None, description="what counts as missing; null: none, null, na; an empty cell always"
    )
    outlier_replace: bool = Field(False, description="replace outliers in dense rows")
    outlier_replace_method: Method | None = None
    outlier_impute: Words | None = Field(
        None, description="what counts as outlier; null: as missing"
    )
    outlier_replace_value: Any = Field(0, description="as default_value, for outliers")
    with_label: bool = Field(False, description="whether the table has a label")
    label_name: str = Field("y", description="label column; looked up in lower case first")
    label_type: ColumnType = "int"
    output_format: choice("dense", "sparse") = Field(  # type: ignore[valid-type]
        "dense", description="accepted, no effect: rows are kept as columns"
    )
    need_run: bool = Field(True, description="false hands the input through")

    @field_validator("missing_fill")
    @classmethod
    def _tags_have_no_gaps(cls, wanted: bool, info: ValidationInfo) -> bool:
        if wanted and info.data.get("input_format") == "tag" and info.data.get("tag_with_value"):
            raise not_available("missing_fill of tags with values", "a tag that is absent is 0")
        return wanted


class DataTransformParams(DataIOParams):
    """FATE's DataTransformParam."""

    with_match_id: bool = Field(False, description="whether a column holds a match id")
    match_id_name: str = Field("", description="its name; by default the column of match_id_index")
    match_id_index: int = Field(0, ge=0, description="position among the columns after the id")


def renamed(value: Any, old: Mapping[str, str]) -> Any:
    """Parameters with fields of earlier FATE versions under their later names as well.

    Args:
        old: earlier name -> later name, which counts where both are given.
    """
    if not isinstance(value, Mapping):
        return value
    found = {new: value[name] for name, new in old.items() if value.get(name) is not None}
    return {**found, **value}
