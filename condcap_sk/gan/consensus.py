"""What most people would say of an image: G and its decoder, taught by how they are judged."""

from torch import nn

from ..answers.ngrams import without_end
from ..training.dropout import glimpse
from .losses import expected_reward_loss

N_DRAWN = 5  # captions of an image in a step


class ConsensusSpeaker(nn.Module):
    """G(0, X) and its decoder, taught further by the reward of what they say.

    Cross-entropy teaches every way of saying things, the odd ones too. The reward of a caption is
    its agreement with all of the image's true ones: CIDEr-D, in which rare n-grams count, plus
    BLEU-1, the share of its words that any of them has. Its expectation over the decoder's own
    captions is climbed (self-critical training: S. Rennie et al., "Self-Critical Sequence Training
    for Image Captioning", CVPR 2017).

    Parameters
    ----------
    generator : SentenceGenerator
        On image vectors.
    decoder : CaptionSpeaker
    judge : condcap_sk.answers.ngrams.CiderScorer or None
        Of the token ids of each image's true captions. None: nothing is to be learned.
    rng : torch.Generator or None
        On the device; draws captions.
    """

    def __init__(self, generator, decoder, judge=None, rng=None):
        super().__init__()
        self.generator = generator
        self.decoder = decoder
        self.judge = judge
        self.rng = rng

    def forward(self, images):
        """Return the vectors that the decoder hears."""
        n_latents = self.generator.of_latent.in_features
        return self.generator(images, images.new_zeros(len(images), n_latents))

    def loss(self, images, rows):
        """The negative expected reward; `rows` are the images' in the judge's references."""
        heard = self(glimpse(images, self.rng)).repeat_interleave(N_DRAWN, dim=0)
        tokens = self.decoder.sample(heard, self.rng)
        owners = rows.repeat_interleave(N_DRAWN).tolist()
        rewards = [
            self.judge.cider_d(owner, said) + self.judge.bleu_1(owner, said)
            for owner, said in zip(owners, without_end(tokens), strict=True)
        ]
        log_probabilities = self.decoder.log_probability(heard, tokens)
        rewards = log_probabilities.new_tensor(rewards)
        loss = expected_reward_loss(*(v.view(-1, N_DRAWN) for v in (log_probabilities, rewards)))
        return {"negative_reward": loss}
