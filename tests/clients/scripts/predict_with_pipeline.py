"""A saved pipeline of fate-client 1.11.3, loaded by another process, predicts again.

It runs in the client's own interpreter: python predict_with_pipeline.py FOLDER, where
train_with_pipeline.py has left pipeline.pkl; the scores go to FOLDER/again.json.
"""

import json
import sys
from pathlib import Path

from pipeline.backend.pipeline import PipeLine
from train_with_pipeline import prediction, scores


def main(folder):
    trained = PipeLine.load_model_from_file(str(Path(folder) / "pipeline.pkl"))
    report = {"coef": trained.get_component("hetero_lr_0").get_summary()["coef"]}
    predicting = prediction(trained)
    predicting.predict()
    report["predicted"] = scores(predicting.get_component("hetero_lr_0").get_output_data())
    (Path(folder) / "again.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
