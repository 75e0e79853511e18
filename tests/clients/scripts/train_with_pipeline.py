"""A story for the pipeline SDK of fate-client 1.11.3: upload, train, fetch, deploy, serve.

It runs in the client's own interpreter: python train_with_pipeline.py FOLDER GUEST.csv HOST.csv.
What it was given it writes to FOLDER/report.json, the deployed pipeline to FOLDER/pipeline.pkl.
"""

import json
import sys
from pathlib import Path

from pipeline.backend.pipeline import PipeLine
from pipeline.component import DataTransform, Evaluation, HeteroLR, Intersection, Reader
from pipeline.interface import Data

GUEST, HOST, ARBITER = 9999, 10000, 10000
TABLES = {
    "guest": {"name": "pipeline_guest", "namespace": "experiment"},
    "host": {"name": "pipeline_host", "namespace": "experiment"},
}


def upload(files):
    uploading = PipeLine().set_initiator(role="guest", party_id=GUEST).set_roles(guest=GUEST)
    for role, file in files.items():
        table = TABLES[role]
        uploading.add_upload_data(
            file=file, table_name=table["name"], namespace=table["namespace"], head=1, partition=2
        )
    uploading.upload(drop=1)


def reader():
    made = Reader(name="reader_0")
    for role, party in (("guest", GUEST), ("host", HOST)):
        made.get_party_instance(role=role, party_id=party).component_param(table=TABLES[role])
    return made


def training():
    made = PipeLine().set_initiator(role="guest", party_id=GUEST)
    made.set_roles(guest=GUEST, host=HOST, arbiter=ARBITER)
    rows, evaluation = reader(), Evaluation(name="evaluation_0", eval_type="binary")
    transform = DataTransform(name="data_transform_0", output_format="dense")
    for role, party, labelled in (("guest", GUEST, True), ("host", HOST, False)):
        transform.get_party_instance(role=role, party_id=party).component_param(with_label=labelled)
    intersection = Intersection(name="intersection_0")
    fit = HeteroLR(
        name="hetero_lr_0",
        max_iter=3,
        learning_rate=0.15,
        penalty="L2",
        alpha=0.01,
        optimizer="rmsprop",
        batch_size=-1,
        init_param={"init_method": "zeros", "fit_intercept": True},
        early_stop="diff",
        encrypt_param={"key_length": 1024},
    )
    made.add_component(rows)
    made.add_component(transform, data=Data(data=rows.output.data))
    made.add_component(intersection, data=Data(data=transform.output.data))
    made.add_component(fit, data=Data(train_data=intersection.output.data))
    made.add_component(evaluation, data=Data(data=fit.output.data))
    return made.compile()


def prediction(trained):
    made, rows = PipeLine(), reader()
    made.add_component(rows)
    made.add_component(
        trained,
        data=Data(predict_input={trained.data_transform_0.input.data: rows.output.data}),
    )
    evaluation = Evaluation(name="evaluation_0", eval_type="binary")
    made.add_component(evaluation, data=Data(data=trained.hetero_lr_0.output.data))
    return made


def scores(rows):
    """Result and score by id, the label checked to be a number too."""
    rows["label"] = rows["label"].astype(float)
    return {
        name: [float(result), float(score), detail]
        for name, result, score, detail in zip(
            rows[rows.columns[0]],
            rows["predict_result"],
            rows["predict_score"],
            rows["predict_detail"],
            strict=True,
        )
    }


def main(folder, guest_file, host_file):
    upload({"guest": guest_file, "host": host_file})
    trained = training()
    trained.fit()
    fit = trained.get_component("hetero_lr_0")
    report = {
        "summary": fit.get_summary(),
        "columns": list(fit.get_output_data().columns),
        "trained": scores(fit.get_output_data()),
        "tables": fit.get_output_data_table(),
        "model": fit.get_model_param(),
        "evaluation": trained.get_component("evaluation_0").get_summary(),
        "features": list(trained.get_component("data_transform_0").get_output_data().columns),
    }
    trained.deploy_component(["data_transform_0", "intersection_0", "hetero_lr_0"])
    trained.dump(str(Path(folder) / "pipeline.pkl"))
    trained.online.load()
    trained.online.bind("pipeline_service", "127.0.0.1:8000")
    predicting = prediction(trained)
    predicting.predict()
    report["predicted"] = scores(predicting.get_component("hetero_lr_0").get_output_data())
    report["predict_evaluation"] = predicting.get_component("evaluation_0").get_summary()
    (Path(folder) / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
