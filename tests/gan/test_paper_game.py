"""PaperGame: equations (4)–(6), and nothing else."""

import torch

from condcap_sk._torch.seeding import make_rng
from condcap_sk.gan.paper_game import PaperGame


def test__terms__are_equations_4_to_6(play):
    played = play(PaperGame, mi_weight=0.7)
    images, answers, truth, c = played.inputs()
    net, networks = played.net, played.networks
    s_hat = networks.generator(images, c)
    real = torch.sigmoid(networks.discriminator(images, net.bank[truth]))
    fake = torch.sigmoid(networks.discriminator(images, s_hat))
    l_adv = real.log().mean() + (1 - fake).log().mean()
    l_i = (c - networks.recogniser(images, s_hat)[0]).square().sum(1).mean()
    for_d = played.discriminator_losses(images, answers, truth, c)
    for_g = played.generator_losses(images, answers, truth, c)
    torch.testing.assert_close(sum(for_d.values()), -l_adv)
    torch.testing.assert_close(sum(for_g.values()), l_adv + 0.7 * l_i)


def test__adversarial_term__its_gradient__reaches_no_recogniser(play):
    played = play(PaperGame)
    term = played.generator_losses(*played.inputs())["generator"]
    assert played.reached_by(term) == {"generator", "discriminator"}


def test__noisy__vectors__have_no_noise(play):
    net = play(PaperGame).net
    vectors = torch.randn(3, 6)
    assert net.noisy(vectors, make_rng(0)) is vectors


def test__history__names_the_terms(play):
    history = play(PaperGame, n_steps=4).history
    assert set(history) == {"epoch", "discriminator", "generator", "latent"}
    assert len({len(values) for values in history.values()}) == 1
