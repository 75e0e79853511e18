"""Parameter classes of feature selection; FATE's names and defaults, old and new."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from federation.components.features.params import ALL, OR_ONE, Indexes, Names, renamed
from federation.components.params import Params, choice

Numbers = Annotated[list[float], *OR_ONE]
Flags = Annotated[list[bool], *OR_ONE]
Merges: Any = Annotated[list[choice("average", "max", "min")], *OR_ONE]  # type: ignore[misc]
FilterTypes: Any = Annotated[
    list[choice("threshold", "top_k", "top_percentile")],  # type: ignore[misc]
    *OR_ONE,
]
HostThresholds = list[float | None] | list[list[float | None]]

FILTERS = (
    "manually",
    "unique_value",
    "percentage_value",
    "coefficient_of_variation_value_thres",
    "outlier_cols",
    "iv_filter",
    "iv_value_thres",
    "iv_percentile",
    "iv_top_k",
    "statistic_filter",
    "psi_filter",
    "vif_filter",
    "correlation_filter",
    "hetero_sbt_filter",
    "homo_sbt_filter",
    "hetero_fast_sbt_filter",
)
OLD_FILTERS = {
    "coefficient_of_variation": "coefficient_of_variation_value_thres",
    "variance_coe": "coefficient_of_variation_value_thres",
    "correlation": "correlation_filter",
    "pearson_filter": "correlation_filter",
    "sbt_filter": "hetero_sbt_filter",
}

Methods: Any = Annotated[list[choice(*FILTERS, aliases=OLD_FILTERS)], *OR_ONE]  # type: ignore[misc]


class UniqueValueParam(Params):
    """Columns that hardly vary go."""

    eps: float = Field(1e-5, ge=0, description="a column with max - min below it goes")


class IVValueSelectionParam(Params):
    """Information value by threshold, as FATE before 1.5 had it."""

    value_threshold: float = Field(0.0, description="least information value")
    host_thresholds: list[float | None] | None = Field(None, description="one for each host")
    local_only: bool = Field(False, description="hosts' columns are left alone")


class IVPercentileSelectionParam(Params):
    """Information value by share of the columns."""

    percentile_threshold: float = Field(1.0, gt=0, le=1, description="share that stays")
    local_only: bool = Field(False, description="hosts' columns are left alone")


class IVTopKParam(Params):
    """Information value by rank."""

    k: int = Field(10, ge=1, description="how many stay")
    local_only: bool = Field(False, description="hosts' columns are left alone")


class VarianceOfCoeSelectionParam(Params):
    """Columns that vary little for their size go."""

    value_threshold: float = Field(1.0, ge=0, description="least deviation / mean, signs apart")


class OutlierColsSelectionParam(Params):
    """Columns with large values go."""

    percentile: float = Field(1.0, ge=0, le=1, description="the quantile that is looked at")
    upper_threshold: float = Field(1.0, description="what it may not exceed")


class PercentageValueParam(Params):
    """Columns that are nearly one value go."""

    upper_pct: float = Field(
        1.0, ge=0.1, le=1, description="a column whose most frequent value has this share goes"
    )


class ManuallyFilterParam(Params):
    """Columns named by the job: those that go, or those that stay."""

    filter_out_indexes: Indexes | None = Field(None, description="positions that go")
    filter_out_names: Names | None = Field(None, description="names that go")
    left_col_indexes: Indexes | None = Field(None, description="positions that alone stay")
    left_col_names: Names | None = Field(None, description="names that alone stay")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        out = self.filter_out_indexes is not None or self.filter_out_names is not None
        if out and (self.left_col_indexes is not None or self.left_col_names is not None):
            raise ValueError("names columns that go and columns that stay; give one of them")
        return self


class CommonFilterParam(Params):
    """Metrics of an earlier component, each with a rule; lists go side by side."""

    _LISTS: ClassVar[tuple[str, ...]] = ("filter_type", "take_high", "threshold")

    metrics: Names = Field(description="what is looked at")
    filter_type: FilterTypes = Field(
        ["threshold"], description="threshold, top_k, or top_percentile (a share)"
    )
    take_high: Flags = Field([True], description="whether high values stay")
    threshold: Numbers = Field([1], description="value, number or share, by filter_type")
    host_thresholds: HostThresholds | None = Field(
        None, description="instead, one for each host; a list of lists for several metrics"
    )
    select_federated: bool = Field(
        True, description="the guest decides about hosts' columns where it knows their values"
    )

    @model_validator(mode="after")
    def _side_by_side(self) -> Self:
        count = len(self.metrics)
        for name in self._LISTS:
            given = len(getattr(self, name))
            if given not in (1, count):
                raise ValueError(
                    f"{name} has {given} values for {count} metrics; give 1 or {count}"
                )
        for kind, threshold in zip(self._each("filter_type"), self._each("threshold"), strict=True):
            if kind == "top_k" and (threshold < 1 or threshold != int(threshold)):
                raise ValueError(f"threshold of top_k is a whole number from 1, not {threshold}")
            if kind == "top_percentile" and not 0 < threshold <= 1:
                raise ValueError(f"threshold of top_percentile is above 0 to 1, not {threshold}")
        return self

    def merged(self, metric: int) -> str:
        """How the labels' values of the metric at that place become one."""
        return "average"

    def _each(self, name: str) -> list[Any]:
        given = list(getattr(self, name))
        return given if len(given) == len(self.metrics) else given * len(self.metrics)

    @property
    def rules(self) -> list[tuple[str, str, bool, float]]:
        """Metric, filter type, take_high and threshold, one for each metric."""
        columns = (self._each(name) for name in ("filter_type", "take_high", "threshold"))
        return list(zip(self.metrics, *columns, strict=True))

    def thresholds_of_hosts(self, metric: int) -> list[float | None]:
        """For each host its own threshold of the metric at that place, or None."""
        given = self.host_thresholds or []
        if given and isinstance(given[0], list):
            return list(given[metric]) if metric < len(given) else []
        return list(given)


class StatisticFilterParam(CommonFilterParam):
    """By a DataStatistics model."""

    metrics: Names = Field(["mean"], description="statistics of the DataStatistics model")


class PSIFilterParam(CommonFilterParam):
    """By a PSI model."""

    metrics: Names = Field(["psi"], description="psi")
    take_high: Flags = Field([False], description="whether high values stay")


class VIFFilterParam(CommonFilterParam):
    """By a HeteroPearson model."""

    metrics: Names = Field(["vif"], description="vif")
    take_high: Flags = Field([False], description="whether high values stay")
    threshold: Numbers = Field([5.0], description="value, number or share, by filter_type")


class SBTFilterParam(CommonFilterParam):
    """By a tree model."""

    metrics: Names = Field(["feature_importance"], description="feature_importance")


class IVFilterParam(CommonFilterParam):
    """By a binning model."""

    _LISTS: ClassVar[tuple[str, ...]] = (*CommonFilterParam._LISTS, "mul_class_merge_type")

    metrics: Names = Field(["iv"], description="iv")
    mul_class_merge_type: Merges = Field(
        ["average"], description="over the labels, where there are more than two; one, or for each"
    )

    def merged(self, metric: int) -> str:
        """How the labels' values of the metric at that place become one."""
        return str(self._each("mul_class_merge_type")[metric])


class CorrelationFilterParam(Params):
    """Of two columns that go together the one with the lower information value goes."""

    sort_metric: choice("iv") = "iv"  # type: ignore[valid-type]
    threshold: float = Field(0.1, ge=0, le=1, description="of the correlation, signs apart")
    select_federated: bool = Field(True, description="hosts' columns too")


class SelectionParams(Params):
    """FATE's FeatureSelectionParam."""

    LEGACY: ClassVar[Mapping[str, str]] = {
        "name": "accepted, no effect",
        "local_only": "each filter says so itself",
        "select_cols": "read as select_col_indexes",
        "filter_method": "read as filter_methods",
        "coe_param": "read as variance_coe_param",
    }

    select_col_indexes: Indexes = Field([ALL], description="positions that may go; -1 for all")
    select_names: Names | None = Field(None, description="names of further such features")
    filter_methods: Methods = Field(default_factory=list, description="in this order")
    unique_param: UniqueValueParam = Field(default_factory=UniqueValueParam)
    iv_value_param: IVValueSelectionParam = Field(default_factory=IVValueSelectionParam)
    iv_percentile_param: IVPercentileSelectionParam = Field(
        default_factory=IVPercentileSelectionParam
    )
    iv_top_k_param: IVTopKParam = Field(default_factory=IVTopKParam)
    variance_coe_param: VarianceOfCoeSelectionParam = Field(
        default_factory=VarianceOfCoeSelectionParam
    )
    outlier_param: OutlierColsSelectionParam = Field(default_factory=OutlierColsSelectionParam)
    manually_param: ManuallyFilterParam = Field(default_factory=ManuallyFilterParam)
    percentage_value_param: PercentageValueParam = Field(default_factory=PercentageValueParam)
    iv_param: IVFilterParam = Field(default_factory=IVFilterParam)
    statistic_param: StatisticFilterParam = Field(default_factory=StatisticFilterParam)
    psi_param: PSIFilterParam = Field(default_factory=PSIFilterParam)
    vif_param: VIFFilterParam = Field(default_factory=VIFFilterParam)
    sbt_param: SBTFilterParam = Field(default_factory=SBTFilterParam)
    correlation_param: CorrelationFilterParam = Field(default_factory=CorrelationFilterParam)
    use_anonymous: bool = Field(False, description="manually_param's names are anonymous ones")
    need_run: bool = Field(True, description="false hands the input through")

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        old = {
            "select_cols": "select_col_indexes",
            "filter_method": "filter_methods",
            "coe_param": "variance_coe_param",
        }
        return renamed(value, old)

    @field_validator("filter_methods")
    @classmethod
    def _each_once(cls, methods: list[str], info: ValidationInfo) -> list[str]:
        repeated = sorted({name for name in methods if methods.count(name) > 1})
        if repeated:
            raise ValueError(f"names {', '.join(repeated)} more than once")
        return methods

    def common(self, method: str) -> CommonFilterParam | None:
        """The parameters of a filter that goes by metrics of a model, None for any other."""
        old = self._old_iv(method)
        if old is not None:
            return old
        by_name: Mapping[str, CommonFilterParam] = {
            "iv_filter": self.iv_param,
            "statistic_filter": self.statistic_param,
            "psi_filter": self.psi_param,
            "vif_filter": self.vif_param,
            "hetero_sbt_filter": self.sbt_param,
            "homo_sbt_filter": self.sbt_param,
            "hetero_fast_sbt_filter": self.sbt_param,
        }
        return by_name.get(method)

    def _old_iv(self, method: str) -> IVFilterParam | None:
        """What the filters of FATE before 1.5 are in today's words."""
        if method == "iv_value_thres":
            old = self.iv_value_param
            return IVFilterParam(
                threshold=[old.value_threshold],
                host_thresholds=old.host_thresholds,
                select_federated=not old.local_only,
            )
        if method == "iv_percentile":
            share = self.iv_percentile_param
            return IVFilterParam(
                filter_type=["top_percentile"],
                threshold=[share.percentile_threshold],
                select_federated=not share.local_only,
            )
        if method == "iv_top_k":
            top = self.iv_top_k_param
            return IVFilterParam(
                filter_type=["top_k"], threshold=[top.k], select_federated=not top.local_only
            )
        return None
