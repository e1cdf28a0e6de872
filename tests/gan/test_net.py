"""The training step: who learns from which term."""

import copy

import pytest
import torch
from skorch.callbacks import Callback, GradientNormClipping

from condcap_sk.gan.modules import (
    Discriminator,
    Generator,
    Players,
    Recogniser,
    SentenceGenerator,
)
from condcap_sk.gan.net import CaptionGANNet, GANNet
from condcap_sk.text.modules import CaptionSpeaker
from condcap_sk.training.net import Rows, train
from condcap_sk.training.seeding import generator, seeded_init

N_IMAGE, N_LATENTS, N_COMPONENTS = 4, 2, 6


TOKENS = torch.tensor([[2, 3, 0], [3, 0, 0], [4, 2, 3]])  # of the bank


def make_players(sentences=False):
    sizes = N_IMAGE, N_LATENTS, N_COMPONENTS
    with seeded_init(0):
        return Players(
            SentenceGenerator(*sizes, radius=2.0)
            if sentences
            else Generator(*sizes, 8, radius=2.0),
            Discriminator(N_IMAGE, N_COMPONENTS, 8),
            Recogniser(N_IMAGE, N_COMPONENTS, N_LATENTS, 8),
            CaptionSpeaker(5, N_COMPONENTS, 8, max_length=3) if sentences else None,
        )


def make_rows(n=8):
    rng = generator(1)
    answers = torch.tensor([[0, 1], [2, -1]] * (n // 2))
    return Rows(images=torch.randn(n, N_IMAGE, generator=rng), answers=answers)


def fit_net(objective="relativistic", n_steps=1, callbacks=None, sentences=False, **changed):
    settings = {
        "n_latents": N_LATENTS,
        "mi_weight": 0.1,
        "posterior_weight": 1.0,
        "kl_weight": 0.3,
        "mismatch_weight": 1.0,
        "gradient_penalty": 0.1,
        "noise": 1.0,
        "image_dropout": 0.5,
        "ema_decay": 0.5,
        "lr": 1e-2,
        **({"tokens": TOKENS, "rate": 1.0, "truth_weight": 0.1} if sentences else {}),
        **changed,
    }
    bank = torch.nn.functional.normalize(torch.randn(3, N_COMPONENTS, generator=generator(2)))
    players = make_players(sentences)
    before = copy.deepcopy(players.state_dict())
    net, history = train(
        CaptionGANNet if sentences else GANNet,
        players,
        make_rows(),
        stage="test",
        n_steps=n_steps,
        batch_size=8,
        generator=generator(3),
        device=torch.device("cpu"),
        callbacks=callbacks,
        objective=objective,
        bank=2 * bank,
        rng=generator(4),
        **settings,
    )
    return net, before, history


def changed(before, module):
    """Names of the players whose weights differ from `before`."""
    return {
        name.split(".")[0]
        for name, value in module.state_dict().items()
        if not torch.equal(value, before[name])
    }


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
@pytest.mark.parametrize(
    ("optimizer", "moved"),
    [("optimizer_", {"generator", "recogniser"}), ("optimizer_discriminator_", {"discriminator"})],
)
def test__train_step__one_side_frozen__only_the_other_changes(objective, optimizer, moved):
    class Freeze(Callback):
        """Gives the other side's optimizer no step."""

        def on_train_begin(self, net, **kwargs):
            for name in ("optimizer_", "optimizer_discriminator_"):
                if name != optimizer:
                    getattr(net, name).step = lambda: None

    net, before, _ = fit_net(objective, n_steps=3, callbacks=[("freeze", Freeze())])
    assert changed(before, net.module_) == moved


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
def test__train_step__default__everyone_learns(objective):
    net, before, _ = fit_net(objective, n_steps=3)
    assert changed(before, net.module_) == {"generator", "discriminator", "recogniser"}


def gradients(net, losses):
    net.module_.zero_grad()
    torch.autograd.backward(losses)
    return {
        name.split(".")[0]
        for name, parameter in net.module_.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }


def step_inputs(net):
    batch, _ = make_rows().__getitems__(range(8))
    truth = net._one_of(batch["answers"])
    latents = torch.randn(8, N_LATENTS, generator=generator(5))
    return batch["images"], batch["answers"], truth, latents


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
def test__latent_term__its_gradient__reaches_generator_and_recogniser(objective):
    net, _, _ = fit_net(objective)
    terms = net.generator_losses(*step_inputs(net))
    assert gradients(net, terms["latent"]) == {"generator", "recogniser"}


def test__posterior_term__its_gradient__reaches_generator_and_recogniser():
    net, _, _ = fit_net()
    terms = net.generator_losses(*step_inputs(net))
    assert gradients(net, terms["posterior"]) == {"generator", "recogniser"}


def test__sentences__word_term__reaches_the_decoder_and_whom_it_hears():
    net, before, _ = fit_net(sentences=True, n_steps=3)
    assert changed(before, net.module_) == {"generator", "discriminator", "recogniser", "decoder"}
    terms = net.generator_losses(*step_inputs(net))
    reached = gradients(net, terms["posterior"])
    assert reached == {"generator", "recogniser", "decoder"}
    assert gradients(net, net.generator_losses(*step_inputs(net))["divergence"]) == {"recogniser"}


def test__sentences__truth_term__teaches_the_generator_alone_under_every_latent():
    net, _, _ = fit_net(sentences=True, truth_weight=0.5)
    images, answers, truth, c = step_inputs(net)
    term = net.generator_losses(images, answers, truth, c)["truth"]
    assert gradients(net, term) == {"generator"}
    every = torch.tensor([[0, 1, 2]] * 8)
    assert net.generator_losses(images, every, truth, c)["truth"].item() == pytest.approx(0)


@pytest.mark.parametrize(("rate", "direction"), [(1e-3, 1), (1e3, -1)])
def test__sentences__weight_of_the_divergence__is_steered_to_the_rate(rate, direction):
    net, _, _ = fit_net(sentences=True, n_steps=5, rate=rate)
    assert (net.kl_weight - 0.3) * direction > 0


def test__sentences__zero_latent__is_taught_in_a_third_of_the_pairs():
    net, _, _ = fit_net(sentences=True)
    heard = []
    forward = net.module_.generator.forward
    net.module_.generator.forward = lambda images, c: heard.append(c) or forward(images, c)
    net.generator_losses(*step_inputs(net))
    assert (heard[-1] == 0).all(dim=1).tolist() == [True] * 2 + [False] * 6


@pytest.mark.parametrize("objective", ["relativistic", "paper"])
def test__discriminator_terms__their_gradient__reaches_no_one_else(objective):
    net, _, _ = fit_net(objective)
    net.module_.discriminator.requires_grad_(True)
    terms = net.discriminator_losses(*step_inputs(net))
    assert gradients(net, sum(terms.values())) == {"discriminator"}


def test__paper_objective__its_terms__are_equations_4_to_6():
    net, _, _ = fit_net("paper", mi_weight=0.7)
    images, answers, truth, c = step_inputs(net)
    players = net.module_
    s_hat = players.generator(images, c)
    real = torch.sigmoid(players.discriminator(images, net.bank[truth]))
    fake = torch.sigmoid(players.discriminator(images, s_hat))
    l_adv = real.log().mean() + (1 - fake).log().mean()
    l_i = (c - players.recogniser(images, s_hat)[0]).square().sum(1).mean()
    for_d = net.discriminator_losses(images, answers, truth, c)
    for_g = net.generator_losses(images, answers, truth, c)
    torch.testing.assert_close(sum(for_d.values()), -l_adv)
    torch.testing.assert_close(sum(for_g.values()), l_adv + 0.7 * l_i)


def test__mismatched_pairs__every_neighbour_fits__count_for_nothing():
    net, _, _ = fit_net()
    images, _, truth, c = step_inputs(net)
    all_fit = torch.tensor([[0, 1, 2]] * 8)
    assert net.discriminator_losses(images, all_fit, truth, c)["mismatch"].item() == 0


def test__one_of__padded_answers__draws_each_true_one_equally_often():
    net, _, _ = fit_net()
    drawn = net._one_of(torch.tensor([[4, 7, -1], [5, -1, -1]]).repeat(4000, 1))
    assert set(drawn[1::2].tolist()) == {5}
    assert set(drawn[::2].tolist()) == {4, 7}
    assert abs((drawn[::2] == 4).float().mean().item() - 0.5) < 0.05


def test__gradient_clipping__both_sides__fires_before_each_step():
    class Watch(Callback):
        """Sums gradient norms as they are when the clipping is done."""

        def on_train_begin(self, net, **kwargs):
            self.norms = []

        def on_grad_computed(self, net, named_parameters, **kwargs):
            named = list(named_parameters)
            total = torch.stack([p.grad.norm() for _, p in named]).norm().item()
            self.norms.append(({name.split(".")[0] for name, _ in named}, total))

    watch = Watch()
    fit_net(n_steps=2, callbacks=[("clip", GradientNormClipping(1e-3)), ("watch", watch)])
    sides = [names for names, _ in watch.norms]
    assert sides == [{"discriminator"}, {"generator", "recogniser"}] * 2
    assert all(total <= 1.001e-3 for _, total in watch.norms)


def test__average__decay_zero__is_the_last_step():
    net, _, _ = fit_net(n_steps=4, ema_decay=0.0)
    for name, value in net.module_.state_dict().items():
        torch.testing.assert_close(net.average_.module.state_dict()[name], value)


def test__history__after_training__names_every_term():
    _, _, history = fit_net(n_steps=4)
    terms = {"discriminator", "mismatch", "penalty", "generator", "latent", "posterior"}
    assert terms | {"epoch", "divergence"} == set(history)
    assert len({len(values) for values in history.values()}) == 1


@pytest.mark.parametrize(("image_dropout", "sees"), [(0.0, True), (1.0, False)])
def test__image_dropout__recogniser__sees_the_image_or_not(image_dropout, sees):
    net, _, _ = fit_net(image_dropout=image_dropout)
    images, *rest = step_inputs(net)
    images.requires_grad_()
    net.module_.generator.requires_grad_(False)
    # The generator sees the image in any case: cut that way off.
    heard = net.module_.generator(images, rest[2]).detach()
    net.module_.generator.forward = lambda *inputs: heard[: len(inputs[0])]
    terms = net.generator_losses(images, *rest)
    (gradient,) = torch.autograd.grad(
        terms["latent"] + terms["divergence"], images, allow_unused=True
    )
    assert (gradient is not None and bool(gradient.abs().sum() > 0)) == sees
