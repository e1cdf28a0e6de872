"""Game: the step, who learns in it, the average of the networks, and what is measured."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, GradientNormClipping

from condcap_sk._torch.seeding import make_rng
from condcap_sk.answers.encoded import EncodedAnswers
from condcap_sk.gan import LatentGAN
from condcap_sk.gan.game import Game, HeldOut, one_of
from condcap_sk.gan.modules import Generator
from condcap_sk.gan.paper_game import PaperGame
from condcap_sk.gan.relativistic_game import RelativisticGame
from condcap_sk.gan.sentence_game import SentenceGame

GAMES = [PaperGame, RelativisticGame, SentenceGame]
OF_LABELS = GAMES[:2]


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize(
    ("optimizer", "moved"),
    [
        ("optimizer_", {"generator", "recogniser", "decoder"}),
        ("optimizer_discriminator_", {"discriminator"}),
    ],
)
def test__train_step__one_side_frozen__only_the_other_changes(play, game, optimizer, moved):
    class Freeze(Callback):
        """Gives the other side's optimizer no step."""

        def on_train_begin(self, net, **kwargs):
            for name in ("optimizer_", "optimizer_discriminator_"):
                if name != optimizer:
                    getattr(net, name).step = lambda: None

    played = play(game, n_steps=3, callbacks=[("freeze", Freeze())])
    there = {name for name, network in played.networks.named_children() if network is not None}
    assert played.changed() == moved & there


@pytest.mark.parametrize("game", GAMES)
def test__train_step__default__every_network_learns(play, game):
    played = play(game, n_steps=3)
    assert played.changed() == {name for name, _ in played.networks.named_children()}


@pytest.mark.parametrize("game", GAMES)
def test__latent_term__its_gradient__reaches_generator_and_recogniser(play, game):
    played = play(game)
    terms = played.generator_losses(*played.inputs())
    assert played.reached_by(terms["latent"]) == {"generator", "recogniser"}


@pytest.mark.parametrize("game", GAMES)
def test__discriminator_terms__their_gradient__reaches_no_other_network(play, game):
    played = play(game)
    terms = played.discriminator_losses(*played.inputs())
    assert played.reached_by(sum(terms.values())) == {"discriminator"}


@pytest.mark.parametrize("game", GAMES)
def test__mi_weight__any__scales_the_latent_term(play, game):
    one, other = play(game, mi_weight=0.1), play(game, mi_weight=0.3)
    # The same draws, after one step of the same batch.
    other.networks.load_state_dict(one.networks.state_dict())
    inputs = one.inputs()
    found = []
    for played in (one, other):
        played.rng.manual_seed(0)
        found.append(played.generator_losses(*inputs)["latent"])
    torch.testing.assert_close(3 * found[0], found[1])


@pytest.mark.parametrize("game", GAMES)
def test__play__same_seeds__same_weights_and_global_stream_untouched(play, game):
    state = torch.get_rng_state()
    one, other = (play(game, n_steps=3).networks.state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test__one_of__padded_answers__draws_each_true_one_equally_often():
    drawn = one_of(torch.tensor([[4, 7, -1], [5, -1, -1]]).repeat(4000, 1), make_rng(0))
    assert set(drawn[1::2].tolist()) == {5}
    assert set(drawn[::2].tolist()) == {4, 7}
    assert abs((drawn[::2] == 4).float().mean().item() - 0.5) < 0.05


def test__one_of__an_answer_given_twice__is_drawn_twice_as_often():
    drawn = one_of(torch.tensor([[4, 7, 4]]).repeat(6000, 1), make_rng(0))
    assert abs((drawn == 4).float().mean().item() - 2 / 3) < 0.03


@pytest.mark.parametrize("game", OF_LABELS)
def test__gradient_clipping__both_sides__fires_before_each_step(play, game):
    class Watch(Callback):
        """Sums gradient norms as they are when the clipping is done."""

        def on_train_begin(self, net, **kwargs):
            self.norms = []

        def on_grad_computed(self, net, named_parameters, **kwargs):
            named = list(named_parameters)
            total = torch.stack([p.grad.norm() for _, p in named]).norm().item()
            self.norms.append(({name.split(".")[0] for name, _ in named}, total))

    watch = Watch()
    play(game, n_steps=2, callbacks=[("clip", GradientNormClipping(1e-3)), ("watch", watch)])
    sides = [names for names, _ in watch.norms]
    assert sides == [{"discriminator"}, {"generator", "recogniser"}] * 2
    assert all(total <= 1.001e-3 for _, total in watch.norms)


def test__settings__of_a_gan__are_those_that_the_game_takes():
    gan = LatentGAN(n_latents=5, noise=0.7, mi_weight=0.2)
    found = PaperGame.settings(gan, None, None)
    assert found.pop("prior").n_latents == 5
    assert found == {"mi_weight": 0.2}
    settings = RelativisticGame.settings(gan, None, None)
    del settings["prior"]
    assert settings == {name: getattr(gan, name) for name in RelativisticGame.SETTINGS}
    assert settings["noise"] == 0.7


@pytest.mark.parametrize(("n_images", "expected"), [(10, 20), (1000, 2000), (100_000, 4688)])
def test__n_steps__number_of_images__decides(n_images, expected):
    answers = EncodedAnswers(np.eye(2, dtype=np.float32), np.zeros((n_images, 3), dtype=int))
    assert PaperGame.n_steps(answers, 256) == expected


@pytest.mark.parametrize(("hidden_size", "expected"), [("auto", 128), (7, 7)])
def test__build__a_gan_and_its_answers__give_the_sizes(hidden_size, expected):
    answers = EncodedAnswers(3 * np.eye(4, dtype=np.float32), np.zeros((2, 1), dtype=int))
    gan = LatentGAN(n_latents=5, hidden_size=hidden_size)
    networks = Game.build(gan, answers, 2, [None] * 3)
    assert isinstance(networks.generator, Generator)
    assert networks.decoder is None
    images, latents = torch.randn(6, 2), torch.randn(6, 5)
    vectors = networks.generator(images, latents)
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((6,), 3.0))
    assert networks.discriminator(images, vectors).shape == (6,)
    assert networks.recogniser(images, vectors)[0].shape == (6, 5)
    for network in (networks.generator, networks.discriminator, networks.recogniser):
        assert network.config["hidden_size"] == expected


class TestHeldOut:
    @pytest.fixture
    def held_out(self):
        images = np.random.RandomState(0).standard_normal((20, 4)).astype(np.float32)
        bank = np.eye(6, dtype=np.float32)[:3]
        answers = EncodedAnswers(bank, np.array([[0, 1]] * 10 + [[2, -1]] * 10))
        return HeldOut(images, answers, seed=7, device=torch.device("cpu"))

    @pytest.mark.parametrize("game", OF_LABELS)
    def test__measure__averaged_networks__same_each_time(self, play, held_out, game):
        played = play(game, n_steps=2)
        one, other = held_out(played.net), held_out(played.net)
        assert one == other
        assert set(one) == {"valid_accuracy", "valid_latent_error"}
        assert 0 <= one["valid_accuracy"] <= 1
        # The average is what is measured: other weights of the net itself change nothing.
        with torch.no_grad():
            for parameter in played.networks.parameters():
                parameter.zero_()
        assert held_out(played.net) == one

    def test__accuracy__generated_vectors__are_right_where_the_nearest_is_the_image_s(
        self, play, held_out
    ):
        net = play(PaperGame).net
        # The first ten images have the first two answers, the others the third.
        vectors = torch.eye(6)[[0, 1, 2] + [0] * 7 + [2] * 5 + [1] * 5]
        found = net.measure_answers(None, held_out, 0.9 * vectors)
        assert found["valid_accuracy"] == pytest.approx((9 + 5) / 20)

    def test__latent_error__a_recogniser_that_is_right__is_zero(self, play, held_out):
        net = play(PaperGame).net
        networks = net.average_
        networks.generator.forward = lambda images, latents: torch.cat([latents] * 3, dim=1)
        networks.recogniser.forward = lambda images, vectors: (vectors[:, :2], None)
        rng = make_rng(0)
        assert net.measure(networks, held_out, rng)["valid_latent_error"] == 0
        networks.recogniser.forward = lambda images, vectors: (0 * vectors[:, :2], None)
        assert net.measure(networks, held_out, rng)["valid_latent_error"] == pytest.approx(1, abs=1)


@pytest.mark.parametrize("game", GAMES)
def test__train_step__gradients_left_from_before__do_not_count(play, game):
    class Stale(Callback):
        """Leaves gradients behind, and looks at those that are handed on."""

        def on_train_begin(self, net, **kwargs):
            self.largest_ = []

        def on_batch_begin(self, net, **kwargs):
            for parameter in net.module_.parameters():
                parameter.grad = torch.full_like(parameter, 1e9)

        def on_grad_computed(self, net, named_parameters, **kwargs):
            self.largest_.append(max(p.grad.abs().max().item() for _, p in named_parameters))

    stale = Stale()
    play(game, callbacks=[("stale", stale)])
    assert len(stale.largest_) == 2
    assert max(stale.largest_) < 1e6


@pytest.mark.parametrize("game", GAMES)
def test__optimizers__none_against_the_opponent__has_momentum(play, game):
    net = play(game).net
    # Of sentences, the other networks learn a language: their optimizer is that of languages.
    opponents = net.optimizers() if game in OF_LABELS else [net.optimizer_discriminator_]
    assert {group["betas"][0] for one in opponents for group in one.param_groups} == {0.0}


@pytest.mark.parametrize("game", GAMES)
def test__build__image_networks__are_each_one_s_own(game, sentences):
    given = [torch.nn.Linear(3, 2) for _ in range(3)]
    networks = game.build(LatentGAN(), sentences.answers, 2, given)
    owners = networks.generator, networks.discriminator, networks.recogniser
    assert all(ours.image_network is one for ours, one in zip(owners, given, strict=True))


def test__measure__recogniser__reads_vectors_with_the_game_s_noise(play):
    net = play(RelativisticGame).net
    images = np.ones((4, 4), dtype=np.float32)
    answers = EncodedAnswers(np.eye(6, dtype=np.float32), np.zeros((4, 1), dtype=np.int64))
    read = []
    net.noisy = lambda vectors, rng: vectors + 100
    net.average_.recogniser.register_forward_pre_hook(lambda _, given: read.append(given[1]))
    HeldOut(images, answers, seed=0, device=torch.device("cpu"))(net)
    assert (read[0] > 50).all()
