"""The paper's dialogue: hear a few answers of one speaker, then answer as the speaker would.

A speaker has a point of view (one latent) and answers every image from it. A listener who is told
only images and answers infers the latent, and predicts the speaker's answers to other images.

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
    heard, asked = X[:5], X[5:17]
    said = est.predict(heard, speaker)
    guess, std = est.infer_speaker(heard, said)
    print("\none speaker")
    for labels, answer in zip(digits.label_sets_test[:5], said, strict=True):
        print(f"  sees {sorted(labels)!s:14} says {answer}")
    print(f"  its latent:      {speaker.round(1)}")
    print(f"  the listener's:  {guess.round(1)}, give or take {std.round(1)}")
    print(f"  it goes on:      {est.predict(asked, speaker)}")
    print(f"  predicted:       {est.predict(asked, guess)}\n")

    accuracy = dialogue_accuracy(est, X, turns=(1, 3, 5, 10, 20))
    print("share of a speaker's answers that are predicted, mean of 100 speakers")
    print(f"  by another speaker's latent  {accuracy.pop('chance'):.2f}")
    print(f"  by the best latent for all   {accuracy.pop('best constant'):.2f}")
    for turns, share in accuracy.items():
        print(f"  after {turns:2} answers heard       {share:.2f}")


if __name__ == "__main__":
    main()
