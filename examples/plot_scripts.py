"""Captions in another script
============================

Captions may be in any language. Nothing is set for Russian, whose words change with their place
in the sentence, nor for Japanese, which is written without spaces.
"""

# %%
# Drawn scenes
# ------------
# A shape in a colour on the left or the right. We caption the same scenes in two languages.

import matplotlib.pyplot as plt
import numpy as np

SHAPES = {
    "circle": lambda y, x: y**2 + x**2 < 1,
    "square": lambda y, x: np.maximum(abs(y), abs(x)) < 0.85,
    "cross": lambda y, x: (np.minimum(abs(y), abs(x)) < 0.3) & (np.maximum(abs(y), abs(x)) < 1),
}
COLOURS = {"red": (230, 50, 50), "green": (50, 180, 70), "blue": (60, 90, 230)}
RUSSIAN = {
    # A noun, and the form that it takes after "with".
    "circle": ("круг", "кругом"),
    "square": ("квадрат", "квадратом"),
    "cross": ("крест", "крестом"),
    "red": ("красный", "красным"),
    "green": ("зелёный", "зелёным"),
    "blue": ("синий", "синим"),
    "left": "слева",
    "right": "справа",
}
JAPANESE = {
    "circle": "丸",
    "square": "四角",
    "cross": "十字",
    "red": "赤い",
    "green": "緑の",
    "blue": "青い",
    "left": "左",
    "right": "右",
}


def in_russian(shape, colour, side):
    noun, with_noun = RUSSIAN[shape]
    adjective, with_adjective = RUSSIAN[colour]
    return [
        f"{noun} {RUSSIAN[side]}",
        f"{adjective} {noun} {RUSSIAN[side]}",
        f"картинка с {with_adjective} {with_noun}",
    ]


def in_japanese(shape, colour, side):
    noun, adjective, side = JAPANESE[shape], JAPANESE[colour], JAPANESE[side]
    return [f"{side}に{noun}", f"{side}に{adjective}{noun}", f"{adjective}{noun}があります"]


def draw(n, size=24, seed=0):
    rng = np.random.default_rng(seed)
    images, facts = [], []
    across = np.arange(size) - (size - 1) / 2
    for _ in range(n):
        shape, colour, side = (rng.choice(list(k)) for k in (SHAPES, COLOURS, ("left", "right")))
        y, x = size * rng.uniform(-0.2, 0.2), size * rng.uniform(0.2, 0.26)
        x, radius = (-x if side == "left" else x), size * rng.uniform(0.18, 0.24)
        image = np.full((size, size, 3), rng.integers(200, 240), dtype=np.uint8)
        inside = SHAPES[shape]((across[:, None] - y) / radius, (across[None] - x) / radius)
        image[inside] = COLOURS[colour]
        images.append(image)
        facts.append((shape, colour, side))
    return np.array(images), facts


images, facts = draw(300)
new_images, new_facts = draw(4, seed=1)
print(in_russian(*facts[0]))
print(in_japanese(*facts[0]))

# %%
# Russian
# -------
# Words are split as they are; "красный" and "красным" are two words, and which one is right where
# is learned with the rest.

from condcap_sk import ConditionalCaptioner

short = {
    "codec__n_components": 64,
    "codec__hidden_size": 64,
    "codec__max_iter": 150,
    "codec__batch_size": 64,
    "image_encoder__n_filters": 8,
    "image_encoder__max_iter": 300,
    "image_encoder__batch_size": 32,
    "gan__decoder_size": 96,
    "gan__hidden_size": 96,
    "gan__max_iter": 200,
    "gan__batch_size": 32,
}
est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(**short)
est.fit(images, [in_russian(*row) for row in facts])
print(est.codec_.analyzer_)

# %%
# Each column is one latent. So short a fit has not learned yet to word all images alike under it. A
# wrong caption would be red.

from condcap_sk.inspection import LatentTraversalDisplay

LatentTraversalDisplay.from_estimator(
    est,
    new_images,
    [in_russian(*row) for row in new_facts],
    latents=est.sample_latents(4, random_state=0),
)
plt.show()

# %%
# Japanese
# --------
# Captions without spaces between words are recognised, and fall into characters.

est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(**short)
est.fit(images, [in_japanese(*row) for row in facts])
print(est.codec_.analyzer_)
for captions in est.sample(new_images, 3):
    print(" / ".join(captions))
