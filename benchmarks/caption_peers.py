"""Alternatives to the latent GAN for captions, on the same image vectors.

Both have the sizes and the regularisation of `LatentGAN`: its generator, with latents that are 0 or
read from a caption, its decoder, which keeps to the same rules, AdamW and averaged weights. How
many passes they make over the captions and how captions are searched was chosen by ``flickr8k.py
--select``.
"""

import math

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from condcap_sk._torch.dropout import dropout
from condcap_sk.answers.tokens import END, UNKNOWN
from condcap_sk.gan.losses import divergence_from_prior
from condcap_sk.gan.modules import SentenceGenerator
from condcap_sk.text.modules import N_EMBEDDING, Attention, CaptionEncoder, TiedDecoder
from condcap_sk.text.search import beam_search

# As in `LatentGAN`.
WEIGHT_DECAY, N_COMPONENTS, DECODER_SIZE, FEATURE_DROPOUT = 0.02, 256, 384, 0.4
BATCH_SIZE, LR = 128, 2e-3  # set for these two, by hand


class ShowAndTell(nn.Module):
    """Maximum likelihood: O. Vinyals et al., "Show and Tell", CVPR 2015, with a GRU."""

    N_LATENTS = 1

    def __init__(self, n_image, n_tokens, max_length, seed, has_regions=False):
        torch.manual_seed(seed)
        super().__init__()
        self.generator = SentenceGenerator(n_image, self.N_LATENTS, N_COMPONENTS, N_COMPONENTS**0.5)
        attention = Attention(DECODER_SIZE, n_image, N_EMBEDDING) if has_regions else None
        self.decoder = TiedDecoder(n_tokens, N_COMPONENTS, DECODER_SIZE, max_length, attention)
        self.rng = torch.Generator().manual_seed(seed)

    def fit(self, vectors, tokens, n_epochs):
        """Fit on image vectors and a list of n arrays of token ids (n_captions, length).

        Image vectors are (n, d), or with those of their regions after them (n, (1 + n_regions) d).
        """
        images = torch.tensor([i for i, rows in enumerate(tokens) for _ in rows])
        captions = torch.cat([torch.as_tensor(rows) for rows in tokens])
        self.decoder.keep_to(captions.numpy())
        vectors = torch.as_tensor(vectors)
        n_steps = n_epochs * len(captions) // BATCH_SIZE
        optimizer = torch.optim.AdamW(
            self.parameters(), LR, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY, fused=True
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: _lr_share(step, n_steps)
        )
        average = AveragedModel(
            self, multi_avg_fn=get_ema_multi_avg_fn(1 - 10 / n_steps), use_buffers=True
        )
        for step in range(n_steps):
            position = step % (len(captions) // BATCH_SIZE)
            if position == 0:
                order = torch.randperm(len(captions), generator=self.rng)
            rows = order[position * BATCH_SIZE : (position + 1) * BATCH_SIZE]
            loss = self.loss(vectors[images[rows]], captions[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(self)
        self.load_state_dict(average.module.state_dict())
        return self.eval().requires_grad_(False)

    def loss(self, vectors, tokens):
        latents = torch.zeros(len(tokens), self.N_LATENTS)
        return self.decoder.loss(self.plans(vectors, latents, FEATURE_DROPOUT), tokens, self.rng)

    def plans(self, vectors, latents, share=0.0):
        """Return what the decoder turns into captions; a share of image vectors is left out."""
        images, regions = self.split(vectors, share)
        return self.decoder.plans(self.generator(images, latents), regions)

    def split(self, vectors, share):
        """Return image vectors, of which a share is left out, and regions."""
        n_image = self.generator.n_image
        return dropout(vectors[:, :n_image], share, self.rng), vectors[:, n_image:]

    def beam(self, vectors, width, length_exponent):
        """Return the best caption of a beam search: log-probability over a power of length."""
        plans = self.generate(vectors, torch.zeros(len(vectors), self.N_LATENTS))
        tokens, log_probabilities = beam_search(self.decoder, plans, width)
        lengths = 1 + (tokens != END).sum(2)
        best = (log_probabilities / lengths**length_exponent).argmax(1)
        return tokens[torch.arange(len(tokens)), best].numpy()

    def generate(self, vectors, latents):
        return self.plans(torch.as_tensor(vectors), latents)

    def sample(self, vectors, temperature, top_p, rng):
        """Draw a caption for each image, word by word, from the likeliest words of total
        probability `top_p` (nucleus sampling: A. Holtzman et al., "The Curious Case of Neural Text
        Degeneration", ICLR 2020)."""
        plans = self.generate(vectors, torch.zeros(len(vectors), self.N_LATENTS))
        n, max_length = len(vectors), self.decoder.max_length
        tokens = torch.full((n, max_length), END)
        previous, steps = torch.full((n,), self.decoder.start), self.decoder.steps(plans)
        alive = torch.ones(n, dtype=torch.bool)
        for position in range(max_length):
            logits = steps(previous)
            logits[:, [UNKNOWN, END] if position == 0 else [UNKNOWN]] = -torch.inf
            probabilities, order = (logits / temperature).softmax(1).sort(1, descending=True)
            probabilities[probabilities.cumsum(1) - probabilities >= top_p] = 0
            drawn = torch.multinomial(probabilities, 1, generator=rng)
            previous = order.gather(1, drawn)[:, 0]
            tokens[alive, position] = previous[alive]
            alive &= previous != END
            if not alive.any():
                break
        return tokens.numpy()


class ConditionalVAE(ShowAndTell):
    """The posterior path alone, its encoder trained with it; as in K. Sohn et al., "Learning
    Structured Output Representation", NeurIPS 2015."""

    N_LATENTS = 16
    KL_WEIGHT = 0.3  # by hand: 1, the bound itself, leaves the latent unused

    def __init__(self, n_image, n_tokens, max_length, seed, has_regions=False):
        super().__init__(n_image, n_tokens, max_length, seed, has_regions)
        self.encoder = CaptionEncoder(n_tokens, N_COMPONENTS, N_COMPONENTS)
        self.recogniser = nn.Sequential(
            nn.Linear(n_image + N_COMPONENTS, N_COMPONENTS),
            nn.LeakyReLU(0.2),
            nn.Linear(N_COMPONENTS, 2 * self.N_LATENTS),
        )

    def loss(self, vectors, tokens):
        images, regions = self.split(vectors, FEATURE_DROPOUT)
        inputs = torch.cat([images, self.encoder(tokens)], dim=1)
        mean, log_variance = self.recogniser(inputs).chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=self.rng)
        vectors = self.generator(images, mean + (0.5 * log_variance).exp() * noise)
        divergence = divergence_from_prior(mean, log_variance)
        loss = self.decoder.loss(self.decoder.plans(vectors, regions), tokens, self.rng)
        return loss + self.KL_WEIGHT * divergence

    def caption(self, vectors, latents, width):
        """Return the likeliest caption under given latents, by beam search."""
        plans = self.generate(vectors, torch.as_tensor(latents).expand(len(vectors), -1))
        return beam_search(self.decoder, plans, width)[0][:, 0].numpy()


def _lr_share(step, n_steps):
    """Return the learning rate in a step, as a share of its peak: a warm-up, then a cosine."""
    done = (step + 1) / (n_steps + 1)
    if done < 0.1:
        return done / 0.1
    return 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))
