"""LatentGAN on toy worlds: two kinds of image, two right answers each."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from condcap_sk.answers.encoded import EncodedAnswers
from condcap_sk.gan import LatentGAN
from condcap_sk.vision.modules import ConvolutionalNetwork, image_network

from .conftest import tiny


@pytest.fixture(scope="module")
def gan(labels):
    return LatentGAN(n_latents=1, mi_weight=0.3, batch_size=64, max_iter=400, random_state=0).fit(
        labels.X, labels.y
    )


@pytest.fixture
def nearest(labels):
    return lambda vectors: ((vectors[:, None] - labels.codes) ** 2).sum(2).argmin(1)


class TestAnswers:
    def test__generate__random_latents__gives_right_answers_and_all_of_them(
        self, gan, labels, nearest
    ):
        latents = np.random.RandomState(0).standard_normal((len(labels.X), 1))
        answers = nearest(gan.generate(labels.X, latents))
        kinds = labels.X.argmax(1)
        assert (answers // 2 == kinds).mean() > 0.95
        for kind in (0, 1):
            share = (answers[kinds == kind] % 2).mean()
            assert 0.2 < share < 0.8

    def test__infer__answer_of_a_latent__leads_back_to_that_answer(self, gan, labels, nearest):
        X = labels.X
        latents = np.random.RandomState(1).standard_normal((len(X), 1))
        answers = nearest(gan.generate(X, latents))
        again = nearest(gan.generate(X, gan.infer(X, labels.codes[answers])[0]))
        assert (answers == again).mean() > 0.9

    def test__relevance__right_and_wrong_answers__ranks_the_right_ones_higher(self, gan, labels):
        codes = labels.codes
        relevance = gan.relevance(labels.X[[0, -1]], np.stack([codes, codes]))
        assert relevance[0, :2].min() > relevance[0, 2:].max()
        assert relevance[1, 2:].min() > relevance[1, :2].max()


class TestFit:
    def test__same_seed__same_weights_and_untouched_streams(self, labels):
        torch.manual_seed(3)
        np.random.seed(3)
        expected = torch.rand(1), np.random.rand()
        torch.manual_seed(3)
        np.random.seed(3)
        a, b = (tiny(random_state=1).fit(labels.X, labels.y) for _ in range(2))
        assert (torch.rand(1), np.random.rand()) == expected
        for name, value in a.generator_.state_dict().items():
            assert torch.equal(value, b.generator_.state_dict()[name])

    def test__other_seed__other_weights(self, labels):
        a, b = (tiny(random_state=seed).fit(labels.X, labels.y) for seed in (1, 2))
        assert not torch.equal(a.generator_.layers[0].weight, b.generator_.layers[0].weight)

    def test__vectors_or_encoded_answers__are_the_same(self, labels):
        answers = EncodedAnswers.from_vectors(labels.y, len(labels.X))
        one, other = (tiny().fit(labels.X, y) for y in (labels.y, answers))
        np.testing.assert_array_equal(one.generate(labels.X, [0.1] * 3),
                                      other.generate(labels.X, [0.1] * 3))  # fmt: skip

    @pytest.mark.parametrize("kind", ["labels", "sentences"])
    def test__validation_rows__are_measured_and_change_nothing(self, labels, sentences, kind):
        X, y, held_out = labels.X, labels.y, labels.y[:10]
        if kind == "sentences":
            X, y = sentences.X, sentences.answers
            held_out = y.take(np.arange(10))
        plain = tiny().fit(X, y)
        watched = tiny().fit(X, y, validation=(X[:10], held_out))
        measures = {"labels": "valid_accuracy", "sentences": "valid_cross_entropy"}
        found = {measures[kind], "valid_latent_error"}
        assert found == set(watched.history_) - set(plain.history_)
        np.testing.assert_array_equal(plain.generate(X, [0.1] * 3), watched.generate(X, [0.1] * 3))

    @pytest.mark.parametrize("objective", ["relativistic", "paper"])
    def test__sentences__only_the_default_objective_has_decoders(self, sentences, objective):
        gan = tiny(objective=objective).fit(sentences.X, sentences.answers)
        is_default = objective == "relativistic"
        assert (gan.decoder_ is not None) == is_default
        assert (gan.consensus_ is not None) == is_default
        assert bool(gan.consensus_history_) == is_default

    def test__labels__have_no_decoder(self, gan):
        assert gan.decoder_ is gan.consensus_ is None
        assert gan.consensus_history_ == {}

    def test__sentences_of_pixels__have_no_consensus_decoder(self, sentences):
        X = np.random.RandomState(0).random((40, 1, 8, 8)).astype(np.float32)
        network = partial(image_network, (1, 8, 8), 2)
        gan = tiny(image_network=network, max_iter=2).fit(X, sentences.answers)
        assert gan.decoder_ is not None
        assert gan.consensus_ is None
        # Each of G, D and Q has its own.
        networks = [
            part.image_network for part in (gan.generator_, gan.discriminator_, gan.recogniser_)
        ]
        assert len({id(part) for part in networks}) == 3
        assert all(type(part) is ConvolutionalNetwork for part in networks)

    def test__fitted_networks__are_frozen_and_keep_nothing_of_the_training(self, gan):
        for name in ("generator_", "discriminator_", "recogniser_"):
            network = getattr(gan, name)
            assert not network.training
            assert not any(p.requires_grad or p.grad is not None for p in network.parameters())
        assert gan.calibration_ == (1.0, 1.0, 1.0)

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (lambda y: y[:3], "X holds 200 rows, but y holds 3"),
            (lambda y: [v[:0] for v in y], "y holds sets that are empty"),
            (lambda y: None, "requires y"),
        ],
    )
    def test__no_answers_for_each_image__names_y(self, labels, y, message):
        with pytest.raises(ValueError, match=message):
            LatentGAN().fit(labels.X, y(labels.y))

    def test__callbacks__of_the_user__are_copied(self, labels):
        class Count(Callback):
            n_epochs = 0

            def on_epoch_end(self, net, **kwargs):
                self.n_epochs += 1

        callback = Count()
        tiny(callbacks=[callback]).fit(labels.X, labels.y)
        assert callback.n_epochs == 0


@pytest.mark.bits
def test__snapshot__in_the_training__answers_as_the_average_does(labels):
    found = []

    class Snap(Callback):
        def on_epoch_end(self, net, **kwargs):
            found.append((gan._snapshot(net), copy.deepcopy(net.average_.eval())))

    gan = tiny(max_iter=3)
    # Not as a parameter, which would be copied.
    gan._reports = (Snap(),)
    gan.fit(labels.X, labels.y)
    assert len(found) == 3
    for snapshot, average in found:
        X, c = torch.from_numpy(labels.X), torch.zeros(len(labels.X), 3)
        expected = average.generator(X, c).detach()
        np.testing.assert_allclose(snapshot.generate(labels.X, [0.0] * 3), expected, atol=1e-6)
        assert snapshot.consensus_ is None
    # What is trained after that leaves them as they were.
    first, last = (found[i][0].generate(labels.X, [0.0] * 3) for i in (0, -1))
    assert not np.array_equal(first, last)


def test__clone__parameters__are_kept():
    gan = LatentGAN(n_latents=5, kl_weight=0.7)
    assert clone(gan).get_params() == gan.get_params()
