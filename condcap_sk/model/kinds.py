"""Which classes the kinds of answers take, by the objective.

What the stages take by themselves is beside this: `AUTO` of the codec, `matcher_of` of the image
encoder, `GAMES` of the GAN. Each stage can be used alone.
"""

from .answerer import Answerer
from .labels import LabelAnswerer
from .sentences import SentenceAnswerer

# By the objective, and whether answers are sentences. Of the paper, an answer is Decoder(G(c, X)).
ANSWERERS = {
    ("paper", False): Answerer,
    ("paper", True): Answerer,
    ("relativistic", False): LabelAnswerer,
    ("relativistic", True): SentenceAnswerer,
}


def answerer_of(codec, sight, gan, relevance_weight, beam_width):
    """Return the answerer of fitted parts."""
    kind = ANSWERERS[gan.objective, codec.vocabulary_.are_sentences]
    return kind(codec, sight, gan, relevance_weight, beam_width)
