"""Captions in words: what a latent means, and reading it from what somebody says.

Drawn scenes of two shapes. Their captions differ in which shape they begin with, whether they name
colours and whether they tell of both shapes; the estimator is told none of this.

Run: ``python examples/captions.py`` (some minutes; no network)
"""

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.metrics import caption_report


def main():
    scenes = make_captioned_shapes(2000, random_state=0)
    new = make_captioned_shapes(200, random_state=1)
    est = ConditionalCaptioner(random_state=0, verbose=1).fit(scenes.images, scenes.captions)
    X = new.images

    print("\nfour latents, each on the same three scenes")
    latents = est.sample_latents(4, random_state=3)
    for captions in est.predict_grid(X[:3], latents).T:
        print("  " + " | ".join(captions))

    print("\nsomebody speaks of three scenes, and is imitated on others")
    heard = [row[0] for row in new.captions[:3]]
    manner, std = est.infer_speaker(X[:3], heard)
    for said in heard:
        print(f"  said:      {said}")
    for caption in est.predict(X[3:6], manner):
        print(f"  imitated:  {caption}")
    print(f"  (latent {manner.round(1)}, give or take {std.round(1)})")

    print("\nfive captions of the first scene, the best first")
    for caption in est.sample(X[:1], 5)[0]:
        print(f"  {caption}")

    print("\n" + caption_report(est, X, new.captions))


if __name__ == "__main__":
    main()
