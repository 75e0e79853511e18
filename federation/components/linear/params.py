"""Parameter classes of the linear models, each once; FATE's names and defaults."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from federation.components.common.training import (
    EncryptedModeCalculatorParam,
    EncryptParam,
    FoldsParam,
    PredictParam,
    SearchParam,
    StepwiseParam,
    WithCallbacks,
)
from federation.components.params import Params, choice

LEAST_BATCH = 10
"""FATE's least batch size."""


Optimizers: Any = choice("sgd", "rmsprop", "adam", "adagrad", "nesterov_momentum_sgd", "sqn")
"""Names of the optimizers."""


class InitParam(Params):
    """Where the weights start; covers own columns and, at the guest, the intercept."""

    init_method: choice(  # type: ignore[valid-type]
        "random_uniform", "random_normal", "ones", "zeros", "const"
    ) = "random_uniform"
    init_const: float = Field(1, description="value for const")
    fit_intercept: bool = Field(True, description="whether the guest learns an intercept")
    random_seed: int | None = Field(None, ge=0, lt=1 << 32, description="seed of random methods")


class StochasticQuasiNewtonParam(Params):
    """How the optimizer sqn learns the curvature."""

    update_interval_L: int = Field(  # noqa: N815  FATE spells it so
        3, ge=1, description="steps between two looks at the curvature"
    )
    memory_M: int = Field(5, ge=1, description="how many looks are remembered")  # noqa: N815
    sample_size: int = Field(5000, ge=1, description="rows that are looked at, drawn anew")
    random_seed: int | None = Field(None, description="accepted, no effect")


class LinearModelParams(WithCallbacks):
    """What the vertical linear models with an arbiter have in common."""

    LEGACY: ClassVar[Mapping[str, str]] = {
        "eps": "read as tol",
        "converge_func": "read as early_stop",
        "party_weight": "accepted, no effect",
        "re_encrypt_batches": "accepted, no effect: every ciphertext is refreshed as it leaves",
        "one_vs_rest_param": "accepted, no effect: the labels decide",
        "need_one_vs_rest": "accepted, no effect: the labels decide",
    }

    penalty: choice("L1", "L2", "NONE") = Field(  # type: ignore[valid-type]
        "L2", description="null means NONE"
    )
    tol: float = Field(1e-4, ge=0, description="what early_stop compares with")
    alpha: float = Field(1.0, ge=0, description="strength of the penalty")
    optimizer: Optimizers = "rmsprop"
    batch_size: int = Field(-1, description="rows of a batch, at least 10; -1: all rows")
    shuffle: bool = Field(True, description="shuffle the rows once before they are cut in batches")
    batch_strategy: choice("full", "random") = Field(  # type: ignore[valid-type]
        "full", description="full: an epoch is all batches; random: one batch drawn anew"
    )
    masked_rate: float = Field(
        5, ge=0, description="random: so many times batch_size further rows hide the batch"
    )
    learning_rate: float = Field(0.01, gt=0)
    init_param: InitParam = Field(default_factory=InitParam)
    max_iter: int = Field(100, ge=1, description="the most epochs")
    early_stop: choice("diff", "weight_diff", "abs") = Field(  # type: ignore[valid-type]
        "diff", description="diff and abs look at the loss, which needs one host"
    )
    encrypt_param: EncryptParam = Field(default_factory=EncryptParam)
    encrypted_mode_calculator_param: EncryptedModeCalculatorParam = Field(
        default_factory=EncryptedModeCalculatorParam
    )
    predict_param: PredictParam = Field(default_factory=PredictParam)
    cv_param: FoldsParam = Field(default_factory=FoldsParam)
    decay: float = Field(1, ge=0, description="how fast the learning rate falls")
    decay_sqrt: bool = Field(True, description="whether it falls with the root of the epoch")
    sqn_param: StochasticQuasiNewtonParam = Field(default_factory=StochasticQuasiNewtonParam)
    floating_point_precision: int | None = Field(
        23, ge=0, le=64, description="bits after the point under encryption; null: as a double has"
    )
    stepwise_param: SearchParam = Field(default_factory=SearchParam)
    need_run: bool = Field(True, description="false hands the input through")

    @model_validator(mode="before")
    @classmethod
    def _read_as_fate_does(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        renamed = dict(value)
        if "penalty" in renamed and renamed["penalty"] is None:
            renamed["penalty"] = "NONE"
        for old, new in (("eps", "tol"), ("converge_func", "early_stop")):
            if renamed.get(old) is not None:
                renamed.setdefault(new, renamed[old])
        return renamed

    @field_validator("batch_size")
    @classmethod
    def _whole_or_not_tiny(cls, size: int) -> int:
        if size != -1 and size < LEAST_BATCH:
            raise ValueError(f"is -1 for all rows, or {LEAST_BATCH} or more, not {size}")
        return size

    def of_fold(self) -> Self:
        """What one fold of a cross validation, or one trial of a search, trains with."""
        shells = {
            "cv_param": self.cv_param.model_copy(update={"need_cv": False}),
            "stepwise_param": self.stepwise_param.model_copy(update={"need_stepwise": False}),
        }
        return self.model_copy(update=shells)

    @property
    def exposure(self) -> str | None:
        """The guest's column of exposures, where the model has one."""
        return None


class LogisticParams(LinearModelParams):
    """FATE's HeteroLogisticParam."""

    multi_class: choice("ovr") = Field("ovr", description="one against the rest")  # type: ignore[valid-type]
    metrics: list[str] | None = Field(
        default_factory=lambda: ["auc", "ks"], description="as in callback_param"
    )


class LinearParams(LinearModelParams):
    """FATE's LinearParam."""

    optimizer: Optimizers = "sgd"
    max_iter: int = Field(20, ge=1, description="the most epochs")


class PoissonParams(LinearModelParams):
    """FATE's PoissonParam."""

    max_iter: int = Field(20, ge=1, description="the most epochs")
    exposure_colname: str | None = Field(
        None, min_length=1, description="the guest's column of exposures, which is no feature then"
    )

    @property
    def exposure(self) -> str | None:
        """The guest's column of exposures, where there is one."""
        return self.exposure_colname


SHARED_LEGACY = {
    "batch_strategy": "accepted, no effect: an epoch is all batches",
    "masked_rate": "accepted, no effect: batches are not hidden",
    "floating_point_precision": "accepted, no effect: weights have 40 bits after the point",
}


class SharedLinearParams(LinearModelParams):
    """What the vertical linear models without an arbiter have in common."""

    LEGACY: ClassVar[Mapping[str, str]] = {**LinearModelParams.LEGACY, **SHARED_LEGACY}

    optimizer: Optimizers = "sgd"
    use_mix_rand: bool = Field(True, description="accepted, no effect: there are no triples")
    reveal_strategy: choice("respectively", "encrypted_reveal_in_host") = Field(  # type: ignore[valid-type]
        "respectively",
        description="respectively: each party gets its own weights; encrypted_reveal_in_host: the "
        "host's stay encrypted under the guest's key",
    )
    reveal_every_iter: bool = Field(
        False, description="each party sees its weights after every step; any optimizer works then"
    )

    @model_validator(mode="after")
    def _steps_on_shares(self) -> Self:
        if self.reveal_every_iter:
            if self.hides:
                raise ValueError(
                    "reveal_strategy encrypted_reveal_in_host does not go with reveal_every_iter"
                )
        elif self.optimizer not in ("sgd", "sqn"):
            raise ValueError(
                f"the optimizer {self.optimizer} needs reveal_every_iter; sgd and sqn do not"
            )
        elif self.penalty == "L1":
            raise ValueError("the penalty L1 needs reveal_every_iter; L2 and NONE do not")
        if self.hides and self.stepwise_param.need_stepwise:
            raise ValueError(
                "reveal_strategy encrypted_reveal_in_host does not go with need_stepwise: what was "
                "found is gone on from, and nobody would know the host's weights"
            )
        return self

    @property
    def hides(self) -> bool:
        """Whether the host's weights stay encrypted."""
        return bool(self.reveal_strategy == "encrypted_reveal_in_host")


class SharedLogisticParams(SharedLinearParams):
    """FATE's HeteroSSHELRParam."""

    multi_class: choice("ovr") = Field("ovr", description="one against the rest")  # type: ignore[valid-type]


class SharedNumberParams(SharedLinearParams):
    """FATE's HeteroSSHELinRParam."""

    max_iter: int = Field(20, ge=1, description="the most epochs")


class HomoLogisticParams(LogisticParams):
    """FATE's HomoLogisticParam, with what it had before 1.10."""

    LEGACY: ClassVar[Mapping[str, str]] = {
        **{k: v for k, v in LinearModelParams.LEGACY.items() if k != "re_encrypt_batches"},
        "floating_point_precision": "accepted, no effect: sums have 30 bits after the point",
        "shuffle": "accepted, no effect: batches follow the order of the table",
        "batch_strategy": "accepted, no effect: an epoch is all batches",
        "masked_rate": "accepted, no effect: batches stay at home",
    }

    stepwise_param: StepwiseParam = Field(default_factory=StepwiseParam)  # type: ignore[assignment]
    aggregate_iters: int = Field(1, ge=1, description="epochs between two averages")
    use_proximal: bool = Field(False, description="pull each party's weights to the average")
    mu: float = Field(0.1, ge=0, description="strength of that pull")

    re_encrypt_batches: int = Field(
        2, ge=1, le=16, description="batches of a host on ciphertexts between two re-encryptions"
    )

    @model_validator(mode="after")
    def _steps_on_ciphertexts(self) -> Self:
        if self.hides and self.optimizer != "sgd":
            raise ValueError("encrypt_param needs the optimizer sgd; or set its method to null")
        if self.hides and self.penalty == "L1":
            raise ValueError("encrypt_param needs the penalty L2 or NONE; or set method to null")
        return self

    @property
    def hides(self) -> bool:
        """Whether a host works on ciphertexts; FATE's default for this module is not to."""
        asked = "encrypt_param" in self.model_fields_set
        named = "method" in self.encrypt_param.model_fields_set
        return asked and named and self.encrypt_param.method is not None
