"""Make the model files that `test_persistence` reads, after a change of the format.

python tests/data/make.py
"""

import json
import warnings
from pathlib import Path

import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.gan import LatentGAN
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

FOLDER = Path(__file__).parent
RNG = np.random.RandomState(0)
FEATURES = RNG.random((30, 5)).astype(np.float32)
IMAGES = RNG.randint(255, size=(30, 12, 12, 3), dtype=np.uint8)

LABELS = ConditionalCaptioner(
    codec=CaptionCodec(hidden_size=4, n_components=4, max_iter=5),
    image_encoder=ImageEncoder(n_filters=1, max_iter=3),
    gan=LatentGAN(hidden_size=4, decoder_size=4, max_iter=3),
    validation_fraction=0.5,
    random_state=0,
)
CAPTIONS = ConditionalCaptioner(
    images="ignored",
    codec=CaptionCodec(hidden_size=8, n_components=8),
    gan=LatentGAN(hidden_size=8, decoder_size=16, lr=0.01, max_iter=800),
    validation_fraction=0.6,
    random_state=0,
)


def make(name, est, X, y):
    est.fit(X, y).save(FOLDER / f"{name}.safetensors")
    answers = {
        "predict": est.predict(X[:6]).tolist(),
        "predict_grid": est.predict_grid(X[:6], np.eye(3)).tolist(),
    }
    answers["infer_latent"] = est.infer_latent(X[:6], answers["predict"]).tolist()
    answers["confidence"] = est.confidence(X[:6], answers["predict"]).tolist()
    (FOLDER / f"{name}.json").write_text(json.dumps(answers, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    make("labels-0.1", LABELS, IMAGES, [[i % 3, 3 + i % 2] for i in range(30)])
    captions = [["a red dog", "the dog is red"], ["one cat"]] * 15
    make("captions-0.1", CAPTIONS, FEATURES, captions)
