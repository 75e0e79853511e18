"""Parameter classes of binning; FATE's names and defaults, old and new."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from federation.components.common.training import EncryptParam
from federation.components.features.params import ALL, OR_ONE, Indexes, Names, renamed
from federation.components.params import Params, choice

Edges = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1)]

METHODS = ("quantile", "bucket", "optimal")
MERGED_BY = ("iv", "gini", "chi_square", "ks")


class TransformParam(Params):
    """Which columns are rewritten, and as what."""

    transform_cols: Annotated[list[Annotated[int, Field(ge=ALL)]], *OR_ONE] | None = Field(
        [ALL], description="positions of features; -1 for all, null or [] for none"
    )
    transform_names: Names | None = Field(None, description="names of further features")
    transform_type: choice("bin_num", "woe") | None = Field(  # type: ignore[valid-type]
        "bin_num", description="woe only at the guest; null rewrites nothing"
    )


class OptimalBinningParam(Params):
    """How fine bins are merged until they tell the most about the label."""

    metric_method: choice(*MERGED_BY, aliases={"chi-square": "chi_square"}) = "iv"  # type: ignore[valid-type]
    min_bin_pct: float = Field(0.05, ge=0, lt=1, description="least share of the rows in a bin")
    max_bin_pct: float = Field(1.0, gt=0, le=1, description="largest share of the rows in a bin")
    init_bin_nums: int = Field(1000, ge=2, le=10_000, description="fine bins at the start")
    mixture: bool = Field(True, description="every bin has rows of both classes")
    init_bucket_method: choice("quantile", "bucket") = "quantile"  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_bin_pct > self.max_bin_pct:
            raise ValueError("min_bin_pct is above max_bin_pct")
        return self


class BinningParams(Params):
    """What vertical and horizontal binning have in common."""

    compress_thres: int = Field(10_000, ge=1, description="accepted, no effect")
    head_size: int = Field(10_000, ge=1, description="accepted, no effect")
    error: float = Field(1e-4, ge=0, lt=1, description="of a quantile's rank")
    bin_num: int = Field(10, ge=2, le=10_000, description="how many bins at most")
    bin_indexes: Indexes = Field([ALL], description="positions of features; -1 for all")
    bin_names: Names | None = Field(None, description="names of further features")
    adjustment_factor: float = Field(
        0.5, gt=0, description="rows added where a bin has rows of one class only"
    )
    transform_param: TransformParam = Field(default_factory=TransformParam)
    category_indexes: Indexes | None = Field(
        None, description="positions of features with one bin for each value"
    )
    category_names: Names | None = Field(None, description="names of further such features")
    need_run: bool = Field(True, description="false hands the input through")
    skip_static: bool = Field(False, description="only bins, nothing about labels")


class HeteroBinningParams(BinningParams):
    """FATE's HeteroFeatureBinningParam."""

    LEGACY: ClassVar[Mapping[str, str]] = {
        "cols": "read as bin_indexes",
        "process_method": "accepted, no effect",
        "result_table": "accepted, no effect",
        "result_namespace": "accepted, no effect",
        "display_result": "accepted, no effect",
    }

    method: choice(*METHODS) = "quantile"  # type: ignore[valid-type]
    error: float = Field(1e-4, ge=0, lt=1, description="accepted, no effect: quantiles are exact")
    optimal_binning_param: OptimalBinningParam = Field(default_factory=OptimalBinningParam)
    local_only: bool = Field(False, description="no host learns or tells anything")
    encrypt_param: EncryptParam = Field(default_factory=EncryptParam)
    split_points_by_index: dict[str, Edges] | None = Field(
        None, description="upper edges by position; above the last but one lies the last bin"
    )
    split_points_by_col_name: dict[str, Edges] | None = Field(
        None, description="upper edges by name; above the last but one lies the last bin"
    )
    least_bin_rows: int = Field(
        1, ge=1, description="a host answers for no bin with fewer rows (not in FATE)"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return renamed(value, {"cols": "bin_indexes"})

    @field_validator("split_points_by_index")
    @classmethod
    def _positions(cls, edges: dict[str, Any] | None) -> dict[str, Any] | None:
        wrong = [key for key in edges or () if not key.isdecimal()]
        if wrong:
            raise ValueError(f"has keys that are no positions: {', '.join(wrong[:20])}")
        return edges

    @model_validator(mode="after")
    def _labels_for_optimal(self) -> Self:
        if self.method == "optimal" and self.skip_static:
            raise ValueError(
                "method optimal merges bins by their labels, so skip_static can not be true with it"
            )
        return self


class HomoBinningParams(BinningParams):
    """FATE's HomoFeatureBinningParam."""

    method: choice("virtual_summary", "recursive_query") = "virtual_summary"  # type: ignore[valid-type]
    sample_bins: int = Field(
        100, ge=2, le=100_000, description="virtual_summary: points of each party's summary"
    )
    max_iter: int = Field(100, ge=1, le=100, description="recursive_query: most rounds")
