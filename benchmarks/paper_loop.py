"""The paper's training loop by hand, in plain PyTorch: the peer of ``grid_mnist.py --peer``.

Stage 1 fits a GRU encoder-decoder that turns a label into a sentence vector s and back. Stage 2
plays the game of equations (4)-(6), in which G, D and Q each train an image network of their own:

    min_{G,Q} max_D  log D(s, X) + log(1 - D(G(c, X), X)) + mi_weight * ||c - Q(G(c, X), X)||^2

with the usual non-saturating loss for G. The networks have the sizes of the package's.
"""

import argparse
import json
from itertools import chain, pairwise
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

CODE_DIM, RADIUS, NOISE = 16, 4.0, 1.0  # as in `CaptionCodec` for ten labels
LATENT_DIM = 3
BATCH = 128  # by hand
# A. Radford et al., "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR 2016.
LR, BETAS = 2e-4, (0.5, 0.999)
LATENT_BANK_SEED = 12345  # the same 20 latents whatever the seed of the training


def on_sphere(x):
    return RADIUS * F.normalize(x, dim=-1)


class LabelCodec(nn.Module):
    """Stage 1: label -> sentence vector on a sphere -> label; a label is a caption of one token."""

    def __init__(self, n_labels, hidden=64):
        super().__init__()
        self.eos, self.bos = n_labels, n_labels + 1
        self.embedding = nn.Embedding(n_labels + 2, hidden)
        self.encoder = nn.GRU(hidden, hidden, batch_first=True)
        self.to_code = nn.Linear(hidden, CODE_DIM)
        self.from_code = nn.Linear(CODE_DIM, hidden)
        self.decoder = nn.GRU(hidden, hidden, batch_first=True)
        self.to_logits = nn.Linear(hidden, n_labels + 1)

    def _with(self, labels, *, first=None, last=None):
        tokens = [labels.new_full(labels.shape, first)] if first is not None else []
        tokens.append(labels)
        if last is not None:
            tokens.append(labels.new_full(labels.shape, last))
        return torch.stack(tokens, dim=1)

    def encode(self, labels):
        _, state = self.encoder(self.embedding(self._with(labels, last=self.eos)))
        return on_sphere(self.to_code(state[0]))

    def decoder_logits(self, codes, tokens):
        state = torch.tanh(self.from_code(codes))[None]
        return self.to_logits(self.decoder(self.embedding(tokens), state)[0])

    def reconstruction_loss(self, labels):
        codes = self.encode(labels)
        # Without noise, only exact code words would decode, and G would have to match them exactly.
        codes = codes + NOISE * torch.randn_like(codes)
        logits = self.decoder_logits(codes, self._with(labels, first=self.bos))
        return F.cross_entropy(logits.transpose(1, 2), self._with(labels, last=self.eos))

    def decode(self, codes):
        start = torch.full((len(codes), 1), self.bos)
        # A caption is one label, so its first token may not end it.
        return self.decoder_logits(codes, start)[:, 0, : self.eos].argmax(dim=-1)


def fit_codec(n_labels, *, n_steps=500, lr=3e-3):  # both by hand
    codec = LabelCodec(n_labels)
    optimizer = torch.optim.Adam(codec.parameters(), lr=lr)
    for _ in range(n_steps):
        loss = codec.reconstruction_loss(torch.randint(n_labels, (BATCH,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return codec.eval().requires_grad_(False)


class ImageNet(nn.Sequential):
    out_features = 128

    def __init__(self):
        layers, n_in = [], 1
        for n_out, kernel, stride in [(16, 5, 2), (32, 3, 2), (32, 3, 1), (64, 3, 2), (64, 3, 1)]:
            conv = nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2, bias=False)
            layers += [conv, nn.BatchNorm2d(n_out), nn.ReLU()]
            n_in = n_out
        super().__init__(*layers)
        self.to(memory_format=torch.channels_last)  # faster on a CPU

    def forward(self, images):
        maps = super().forward(images)
        return torch.cat([maps.amax(dim=(2, 3)), maps.mean(dim=(2, 3))], dim=1)


class ConditionalMLP(nn.Module):
    """G, D or Q: an image network of its own, then an MLP on [image features, vector]."""

    def __init__(self, n_in, n_out, width=128):
        super().__init__()
        self.image_net = ImageNet()
        sizes = [ImageNet.out_features + n_in, width, width, width]
        layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
        self.head = nn.Sequential(*layers, nn.Linear(width, n_out))

    def from_features(self, features, vector):
        return self.head(torch.cat([features, vector], dim=1))

    def forward(self, images, vector):
        return self.from_features(self.image_net(images), vector)


class PaperLoop:
    """The two stages; ``label_sets`` may differ in size."""

    def __init__(self, labels, *, lr=LR, mi_weight=1.0):
        self.labels = np.asarray(labels)
        self.mi_weight = mi_weight
        self.codec = fit_codec(len(self.labels))
        with torch.no_grad():
            self.codes = self.codec.encode(torch.arange(len(self.labels)))
        self.G = ConditionalMLP(LATENT_DIM, CODE_DIM)
        self.D = ConditionalMLP(CODE_DIM, 1)
        self.Q = ConditionalMLP(CODE_DIM, LATENT_DIM)
        adam = {"lr": lr, "betas": BETAS}
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), **adam)
        self.optimizer_GQ = torch.optim.Adam([*self.G.parameters(), *self.Q.parameters()], **adam)

    def train_step(self, images, true_labels):
        """One D step and one G+Q step on the same images; returns their losses."""
        latents = torch.randn(len(images), LATENT_DIM)
        generated = on_sphere(self.G(images, latents))

        features = self.D.image_net(images)
        real = self.D.from_features(features, self.codes[true_labels])
        fake = self.D.from_features(features, generated.detach())
        loss_D = F.softplus(-real).mean() + F.softplus(fake).mean()
        self.optimizer_D.zero_grad()
        loss_D.backward()
        self.optimizer_D.step()

        with torch.no_grad():  # G needs D's gradient by the vector only, not by D's image network
            features = self.D.image_net(images)
        loss_adv = F.softplus(-self.D.from_features(features, generated)).mean()
        loss_I = (latents - self.Q(images, generated)).square().sum(dim=1).mean()
        self.optimizer_GQ.zero_grad()
        (loss_adv + self.mi_weight * loss_I).backward()
        self.optimizer_GQ.step()
        return loss_D.item(), loss_adv.item(), loss_I.item()

    @torch.no_grad()
    def predict_grid(self, images, latents):
        """(n, k) answers: every image under every latent."""
        self.G.eval()
        features = torch.cat([self.G.image_net(b) for b in as_tensor(images).split(500)])
        self.G.train()
        ids = []
        for latent in torch.as_tensor(np.asarray(latents), dtype=torch.float32):
            codes = on_sphere(self.G.from_features(features, latent.expand(len(features), -1)))
            ids.append(self.codec.decode(codes))
        return self.labels[torch.stack(ids, dim=1).numpy()]


def as_tensor(images):
    images = np.asarray(images)
    scale = 255 if images.dtype == np.uint8 else 1
    images = torch.as_tensor(images, dtype=torch.float32).reshape(-1, 1, *images.shape[-2:])
    return images / scale


def run_paper_loop(
    images,
    label_sets,
    images_val,
    label_sets_val,
    *,
    seed,
    max_seconds,
    target=0.98,
    eval_every_epochs=1,
    lr=LR,
    mi_weight=1.0,
    verbose=False,
):
    """Train until the mean fixed-latent accuracy on the validation rows reaches ``target``.

    The clock starts before stage 1 and stands still during evaluations. Returns a dict: ``model``;
    ``trajectory``, a list of (seconds, mean accuracy over 20 fixed latents); ``seconds`` and
    ``accuracy`` at the end; ``reached``; ``epochs``, a float where the time ran out within one.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    bank = np.random.default_rng(LATENT_BANK_SEED).standard_normal((20, LATENT_DIM))
    images, images_val = as_tensor(images), as_tensor(images_val)
    labels = sorted(set(chain.from_iterable(label_sets)))
    id_of = {label: i for i, label in enumerate(labels)}
    true_ids = [[id_of[label] for label in answers] for answers in label_sets]
    is_true = np.array([[label in answers for label in labels] for answers in label_sets_val])

    def accuracy():
        columns = np.searchsorted(labels, model.predict_grid(images_val, bank))
        return float(np.take_along_axis(is_true, columns, axis=1).mean())

    n_batches = len(images) // BATCH
    if not n_batches:
        raise ValueError(f"At least {BATCH} images are needed, one batch; got {len(images)}.")
    start, paused = perf_counter(), 0.0
    model = PaperLoop(labels, lr=lr, mi_weight=mi_weight)
    trajectory, n_steps, out_of_time = [], 0, False
    while not out_of_time and not (trajectory and trajectory[-1][1] >= target):
        losses = []
        order = rng.permutation(len(images))[: n_batches * BATCH]
        for batch in order.reshape(n_batches, BATCH):
            true = torch.tensor([rng.choice(true_ids[i]) for i in batch])
            losses.append(model.train_step(images[torch.as_tensor(batch)], true))
            n_steps += 1
            out_of_time = perf_counter() - start - paused >= max_seconds
            if out_of_time:
                break
        if out_of_time or n_steps // n_batches % eval_every_epochs == 0:
            stopped = perf_counter()
            trajectory.append((stopped - start - paused, accuracy()))
            if verbose:
                seconds, share = trajectory[-1]
                loss_D, loss_adv, loss_I = np.mean(losses, axis=0)
                print(
                    f"epoch {n_steps / n_batches:6.2f} {seconds:7.1f} s  accuracy {share:.3f}  "
                    f"D {loss_D:.3f}  G {loss_adv:.3f}  Q {loss_I:.3f}",
                    flush=True,
                )
            paused += perf_counter() - stopped
    seconds, final = trajectory[-1]
    return {
        "model": model,
        "trajectory": trajectory,
        "seconds": seconds,
        "accuracy": final,
        "reached": final >= target,
        "epochs": n_steps / n_batches,
    }


def main():
    from condcap_sk.datasets import fetch_grid_mnist

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-seconds", type=float, default=1800)
    parser.add_argument("--target", type=float, default=0.98)
    parser.add_argument("--lr", type=float, default=LR)
    parser.add_argument("--mi-weight", type=float, default=1.0)
    parser.add_argument("--n-threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.n_threads)
    train, held_out = fetch_grid_mnist(random_state=0), fetch_grid_mnist(random_state=1)
    result = run_paper_loop(
        train.images,
        train.label_sets,
        held_out.images[:1000],
        held_out.label_sets[:1000],
        seed=args.seed,
        max_seconds=args.max_seconds,
        target=args.target,
        lr=args.lr,
        mi_weight=args.mi_weight,
        verbose=True,
    )
    del result["model"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
