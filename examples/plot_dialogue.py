"""The paper's dialogue: infer a speaker's latent from a few answers, then answer like the speaker.

A speaker answers every image under one latent. A listener, who knows only the images and the
answers, infers the latent and predicts the speaker's answers to other images.

Run: ``python examples/dialogue.py`` (a minute; scikit-learn's bundled digits, no network)
"""

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits
from condcap_sk.metrics import dialogue_accuracy


def main():
    digits = load_grid_digits()
    est = ConditionalCaptioner(random_state=0, verbose=1).fit(digits.images, digits.label_sets)
    X = digits.images_test

    speaker = est.sample_latents(random_state=7)[0]
    first, others = X[:5], X[5:17]
    answers = est.predict(first, speaker)
    inferred, std = est.infer_speaker(first, answers)
    print("\none speaker")
    for labels, answer in zip(digits.label_sets_test[:5], answers, strict=True):
        print(f"  image {sorted(labels)!s:14} answer {answer}")
    print(f"  latent:                    {speaker.round(1)}")
    print(f"  inferred:                  {inferred.round(1)}, give or take {std.round(1)}")
    print(f"  answers to other images:   {est.predict(others, speaker)}")
    print(f"  predicted:                 {est.predict(others, inferred)}\n")

    accuracy = dialogue_accuracy(est, X, turns=(1, 3, 5, 10, 20))
    print("share of a speaker's answers that are predicted, mean of 100 speakers")
    print(f"  by another speaker's latent  {accuracy.pop('chance'):.2f}")
    print(f"  by the best latent for all   {accuracy.pop('best constant'):.2f}")
    for turns, share in accuracy.items():
        print(f"  after {turns:2} answers             {share:.2f}")


if __name__ == "__main__":
    main()
