"""Every component this version has, by module name."""

from collections.abc import Mapping
from functools import cache

from federation.components.component import Component
from federation.errors import NotFound
from federation.spec.catalogue import ModuleDecl


@cache
def components() -> Mapping[str, Component]:
    """All components by module name, aliases included."""
    from federation.components.features.binning.hetero import hetero_feature_binning
    from federation.components.features.binning.homo import homo_feature_binning
    from federation.components.features.column_expand import column_expand
    from federation.components.features.data_transform import data_io, data_transform
    from federation.components.features.homo_one_hot import homo_one_hot_encoder
    from federation.components.features.imputation import feature_imputation
    from federation.components.features.label_transform import label_transform
    from federation.components.features.one_hot import one_hot_encoder
    from federation.components.features.sample_weight import sample_weight
    from federation.components.features.scale import feature_scale
    from federation.components.features.selection.hetero import hetero_feature_selection
    from federation.components.linear.hetero_linr import hetero_linr
    from federation.components.linear.hetero_lr import hetero_lr
    from federation.components.linear.hetero_poisson import hetero_poisson
    from federation.components.linear.hetero_sshe_linr import hetero_sshe_linr
    from federation.components.linear.hetero_sshe_lr import hetero_sshe_lr
    from federation.components.linear.homo_lr import homo_lr
    from federation.components.online.serving import serving
    from federation.components.statistics.data_statistics import data_statistics
    from federation.components.statistics.evaluation import evaluation
    from federation.components.statistics.local_baseline import local_baseline
    from federation.components.statistics.pearson import hetero_pearson
    from federation.components.statistics.positive_unlabeled import positive_unlabeled
    from federation.components.statistics.scorecard import scorecard
    from federation.components.statistics.stability import population_stability
    from federation.components.tables.data_split import hetero_data_split, homo_data_split
    from federation.components.tables.intersection import intersection
    from federation.components.tables.loaders import cache_loader, model_loader
    from federation.components.tables.reader import reader
    from federation.components.tables.sample import federated_sample
    from federation.components.tables.union import union
    from federation.components.tables.upload import upload
    from federation.components.toys.information_retrieval import information_retrieval
    from federation.components.toys.secure_add import secure_add
    from federation.components.toys.verifiable_sum import verifiable_sum

    every = (
        reader,
        upload,
        cache_loader,
        model_loader,
        union,
        federated_sample,
        hetero_data_split,
        homo_data_split,
        data_io,
        data_transform,
        column_expand,
        feature_imputation,
        feature_scale,
        label_transform,
        one_hot_encoder,
        homo_one_hot_encoder,
        sample_weight,
        hetero_feature_binning,
        homo_feature_binning,
        hetero_feature_selection,
        intersection,
        hetero_lr,
        hetero_linr,
        hetero_poisson,
        hetero_sshe_lr,
        hetero_sshe_linr,
        homo_lr,
        data_statistics,
        hetero_pearson,
        population_stability,
        evaluation,
        scorecard,
        local_baseline,
        positive_unlabeled,
        serving,
        secure_add,
        verifiable_sum,
        information_retrieval,
    )
    return {name: c for c in every for name in (c.module, *c.aliases)}


def find_component(module: str) -> Component:
    """The component of that module name.

    Raises:
        NotFound: no such module.
    """
    try:
        return components()[module]
    except KeyError:
        raise NotFound(f"module {module} does not exist", module=module) from None


def catalogue() -> tuple[ModuleDecl, ...]:
    """What this version can run, as agents publish it."""
    return tuple({c.module: c.declare() for c in components().values()}.values())
