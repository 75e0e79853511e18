"""The federated half of a benchmark of fate_test: HeteroLR with the pipeline SDK of 1.11.3.

It is loaded by `fate_test benchmark-quality`; `config` is fate_test's own, `param` the conf of
the suite.
"""

from fate_test.utils import parse_summary_result
from pipeline.backend.pipeline import PipeLine
from pipeline.component import DataTransform, Evaluation, HeteroLR, Intersection, Reader
from pipeline.interface import Data


def main(config, param, namespace=""):
    parties = config.parties
    guest, host, arbiter = parties.guest[0], parties.host[0], parties.arbiter[0]
    tables = {
        role: {"name": name, "namespace": f"{param['namespace']}{namespace}"}
        for role, name in param["tables"].items()
    }
    rows = Reader(name="reader_0")
    columns = DataTransform(name="data_transform_0", output_format="dense")
    for role, party in (("guest", guest), ("host", host)):
        rows.get_party_instance(role=role, party_id=party).component_param(table=tables[role])
        columns.get_party_instance(role=role, party_id=party).component_param(
            with_label=role == "guest"
        )
    common = Intersection(name="intersection_0")
    fit = HeteroLR(
        name="hetero_lr_0",
        max_iter=param["max_iter"],
        learning_rate=param["learning_rate"],
        alpha=param["alpha"],
        tol=0,
        penalty="L2",
        optimizer="rmsprop",
        batch_size=-1,
        init_param={"init_method": "zeros"},
        encrypt_param={"key_length": 1024},
    )
    made = PipeLine().set_initiator(role="guest", party_id=guest)
    made.set_roles(guest=guest, host=host, arbiter=arbiter)
    made.add_component(rows)
    made.add_component(columns, data=Data(data=rows.output.data))
    made.add_component(common, data=Data(data=columns.output.data))
    made.add_component(fit, data=Data(train_data=common.output.data))
    evaluation = Evaluation(name="evaluation_0", eval_type="binary")
    made.add_component(evaluation, data=Data(data=fit.output.data))
    made.compile()
    made.fit()
    return tables, parse_summary_result(made.get_component("evaluation_0").get_summary())
