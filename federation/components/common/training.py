"""Parameter classes that FATE's learning components share, each once.

FATE's names, defaults and words. What this version can not do is refused at its own path rather
than ignored; what has lost its meaning in newer FATE versions is accepted and has no effect.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from federation.components.params import Params, choice
from federation.components.statistics.metrics import EvalType, metrics_for
from federation.crypto import scheme_of
from federation.errors import UnknownScheme

LEAST_KEY_BITS = 2048
"""Shorter keys, which FATE before 1.11.4 had as its default, are lengthened to this."""


def not_available(what: str, instead: str) -> ValueError:
    """The answer to a wish this version can not fulfil."""
    return ValueError(f"{what} is not available in this version; {instead}")


class EncryptParam(Params):
    """How numbers are encrypted."""

    method: str | None = Field("Paillier", description="Paillier, under any of FATE's names")
    key_length: int = Field(
        LEAST_KEY_BITS, ge=1, le=16384, description="bits of the modulus; at least 2048 are used"
    )

    @field_validator("method")
    @classmethod
    def _known(cls, method: str | None) -> str | None:
        try:
            scheme_of(method or "Paillier")
        except UnknownScheme as error:
            raise ValueError(error.message) from None
        return method

    @property
    def bits(self) -> int:
        """Length of the key that is made."""
        return max(self.key_length, LEAST_KEY_BITS)

    @property
    def scheme(self) -> str:
        """Name of the scheme that is used."""
        return scheme_of(self.method or "Paillier")[0]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is done differently from what was asked, as lines for the log."""
        lines = []
        _, replaced = scheme_of(self.method or "Paillier")
        if replaced:
            lines.append(replaced)
        if self.key_length < LEAST_KEY_BITS:
            lines.append(
                f"a key of {self.key_length} bits can be broken; {LEAST_KEY_BITS} bits are used"
            )
        return tuple(lines)


class EncryptedModeCalculatorParam(Params):
    """How often FATE re-encrypted; here every ciphertext is refreshed as it leaves."""

    mode: choice(  # type: ignore[valid-type]
        "strict", "fast", "balance", "confusion_opt", "confusion_opt_balance"
    ) = Field("strict", description="accepted, no effect")
    re_encrypted_rate: float = Field(1, description="accepted, no effect")


class PredictParam(Params):
    """How a probability becomes a label."""

    threshold: float = Field(0.5, ge=0, le=1, description="a higher probability means class 1")


class CrossValidationParam(Params):
    """Cross validation, for components that do not have it: only need_cv false is accepted."""

    LEGACY: ClassVar[Mapping[str, str]] = {
        "evaluate_param": "FATE 1.3 and older: what kind of model it is says what to measure"
    }

    n_splits: int = Field(5, ge=2, description="folds")
    mode: choice("hetero", "homo") = "hetero"  # type: ignore[valid-type]
    role: choice("guest", "host", "arbiter") = "guest"  # type: ignore[valid-type]
    shuffle: bool = True
    random_seed: int = Field(1, ge=0, lt=1 << 32, description="seed of the shuffle")
    need_cv: bool = Field(False, description="true is refused: not available in this version")
    output_fold_history: bool = True
    history_value_type: choice("score", "instance") = "score"  # type: ignore[valid-type]

    @field_validator("need_cv")
    @classmethod
    def _not_yet(cls, wanted: bool) -> bool:
        if wanted:
            raise not_available("cross validation", "set need_cv to false")
        return wanted


class FoldsParam(CrossValidationParam):
    """Cross validation, for components that have it."""

    need_cv: bool = Field(False, description="train once for each fold, and keep no model")

    @field_validator("need_cv")
    @classmethod
    def _not_yet(cls, wanted: bool) -> bool:
        return wanted

    @property
    def folds(self) -> int:
        """How many folds are wanted, 0 without cross validation."""
        return self.n_splits if self.need_cv else 0


class StepwiseParam(Params):
    """Stepwise search, for components that do not have it: only need_stepwise false is accepted."""

    score_name: choice("AIC", "BIC") = "AIC"  # type: ignore[valid-type]
    mode: choice("hetero", "homo") = "hetero"  # type: ignore[valid-type]
    role: choice("guest", "host", "arbiter") = "guest"  # type: ignore[valid-type]
    direction: choice("both", "forward", "backward") = "both"  # type: ignore[valid-type]
    max_step: int = Field(10, ge=1, description="the most steps, each of which tries every change")
    nvmin: int = Field(2, ge=1, description="the fewest features to end with")
    nvmax: int | None = Field(None, ge=1, description="the most features; null: no bound")
    need_stepwise: bool = Field(False, description="true is refused: not available for this module")

    @field_validator("need_stepwise")
    @classmethod
    def _not_yet(cls, wanted: bool) -> bool:
        if wanted:
            raise not_available("stepwise search for this module", "set need_stepwise to false")
        return wanted

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.nvmax is not None and self.nvmax < self.nvmin:
            raise ValueError(f"nvmax is {self.nvmax} and nvmin is more")
        return self


class SearchParam(StepwiseParam):
    """Stepwise search, for components that have it."""

    need_stepwise: bool = Field(False, description="search for the features worth having")

    @field_validator("need_stepwise")
    @classmethod
    def _not_yet(cls, wanted: bool) -> bool:
        return wanted


class FollowingParam(Params):
    """How a model is followed while it learns."""

    validation_freqs: int | list[int] | None = Field(
        None, description="n: every n epochs; a list: after those epochs, from 0; null: never"
    )
    early_stopping_rounds: int | None = Field(
        None, ge=1, description="stop when no metric improved in so many validations"
    )
    metrics: list[str] | None = Field(None, description="followed during training")
    use_first_metric_only: bool = Field(
        False, description="early stopping looks at the first metric alone"
    )

    @field_validator("validation_freqs")
    @classmethod
    def _frequency(cls, freqs: int | list[int] | None) -> int | list[int] | None:
        if isinstance(freqs, int) and freqs < 1:
            raise ValueError(f"is 1 or more, or a list of epochs, not {freqs}")
        if isinstance(freqs, list) and any(epoch < 0 for epoch in freqs):
            raise ValueError("has an epoch below 0; epochs count from 0")
        return freqs

    @field_validator("metrics")
    @classmethod
    def _named(cls, metrics: list[str] | None) -> list[str] | None:
        for name in metrics or ():
            if not any(measures(kind, name) for kind in EvalType):
                metrics_for(EvalType.BINARY, [name])
        return metrics


class CallbackParam(FollowingParam):
    """What happens between epochs."""

    callbacks: list[
        choice("EarlyStopping", "PerformanceEvaluate", "ModelCheckpoint")  # type: ignore[valid-type]
    ] = Field(
        default_factory=list,
        description="ModelCheckpoint keeps the model every save_freq epochs",
    )
    save_freq: int = Field(1, ge=1, description="epochs between two checkpoints")

    def follows(self, epoch: int) -> bool:
        """Whether the model is measured after that epoch, counted from 0."""
        if self.validation_freqs is None:
            return False
        if isinstance(self.validation_freqs, int):
            return (epoch + 1) % self.validation_freqs == 0
        return epoch in self.validation_freqs

    @property
    def checkpoints(self) -> bool:
        """Whether checkpoints are to be kept."""
        return "ModelCheckpoint" in self.callbacks


class WithCallbacks(FollowingParam):
    """Fields of `callback_param` that FATE also takes beside it, where they come first."""

    callback_param: CallbackParam = Field(default_factory=CallbackParam)

    @model_validator(mode="after")
    def _rounds_need_validations(self) -> Self:
        followed = self.following
        if followed.early_stopping_rounds is not None and followed.validation_freqs is None:
            raise ValueError("early_stopping_rounds needs validation_freqs")
        return self

    @property
    def following(self) -> CallbackParam:
        """The callbacks, with what was given beside them."""
        beside = {
            name: getattr(self, name)
            for name in FollowingParam.model_fields
            if name in self.model_fields_set and getattr(self, name) is not None
        }
        return self.callback_param.model_copy(update=beside)


def measures(kind: EvalType, name: str) -> bool:
    """Whether `name` is a metric of that kind of prediction."""
    try:
        metrics_for(kind, [name])
    except ValueError:
        return False
    return True


def as_list(value: Any) -> Any:
    """A single value as a list of one, since FATE takes both."""
    return [value] if isinstance(value, str | int | float) else value
