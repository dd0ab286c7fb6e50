"""What MLflow makes of a logged model, for `crates/ocelli-cli/tests/tracking.rs`.

    python mlflow_pyfunc.py URI RUN IMAGE...

Opens `runs:/RUN/model` by `mlflow.pyfunc` and predicts the images, in one batch. Prints JSON: the class names and the probabilities.
"""

import json
import sys

import mlflow
import numpy as np
from PIL import Image

uri, run, images = sys.argv[1], sys.argv[2], sys.argv[3:]
mlflow.set_tracking_uri(uri)
model = mlflow.pyfunc.load_model(f"runs:/{run}/model")
channels = model.metadata.get_input_schema().inputs[0].shape[1]
mode = {1: "L", 3: "RGB"}[channels]
batch = np.stack([np.asarray(Image.open(path).convert(mode)).reshape(16, 16, channels).transpose(2, 0, 1) for path in images])
answer = model.predict(batch)
print(json.dumps({"classes": model.metadata.metadata["classes"], "probabilities": answer["probabilities"].tolist()}))
