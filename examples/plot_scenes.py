"""Captions in words: what a latent means, and how it is inferred from a person's captions.

Drawn scenes of two shapes. Their captions differ in which shape they begin with, whether they name
colours and whether they name both shapes; the estimator is not given these factors.

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

    print("\na speaker captions three scenes, and is imitated on others")
    given = [row[0] for row in new.captions[:3]]
    latent, std = est.infer_speaker(X[:3], given)
    for caption in given:
        print(f"  speaker:    {caption}")
    for caption in est.predict(X[3:6], latent):
        print(f"  imitation:  {caption}")
    print(f"  (latent {latent.round(1)}, give or take {std.round(1)})")

    print("\nfive captions of the first scene, the best first")
    for caption in est.sample(X[:1], 5)[0]:
        print(f"  {caption}")

    print("\n" + caption_report(est, X, new.captions))


if __name__ == "__main__":
    main()
