"""The recurrence of a decoder, one token at a time."""

from .recurrence import gates_of, next_states


class Steps:
    """Goes on by one token of every caption at each call.

    What plans add at every step is computed once.

    Parameters
    ----------
    decoder : RecurrentDecoder
    plans : Tensor of shape (n, …)
        Of each, k captions go on, which follow one another; k may differ from step to step.
    """

    def __init__(self, decoder, plans):
        self._decoder = decoder
        vectors = decoder.vectors_of(plans)
        first = decoder.embedding.embedding_dim
        self._gates = gates_of(decoder.recurrence, vectors, first=first)
        # In one piece, so that it is multiplied without a copy.
        self._memory = decoder.memory_of(plans).contiguous()
        self._states = decoder.initial_states(plans)

    def __call__(self, previous):
        """Return the logits (n * k, n_tokens) of what follows the tokens `previous` (n * k,)."""
        outputs = self.outputs(previous)
        return self._decoder.logits(outputs, self._decoder.evidence(outputs, self._memory))

    def outputs(self, previous):
        """Return the recurrence's outputs (n * k, hidden_size) after `previous` (n * k,)."""
        recurrence = self._decoder.recurrence
        words = gates_of(recurrence, self._decoder.embedding(previous))
        gates = words.view(len(self._gates), -1, words.shape[1]) + self._gates[:, None]
        self._states = next_states(recurrence, gates.flatten(0, 1), self._states)
        return self._states

    def attended(self, previous):
        """Return the weights (n, n_heads, k, n_regions) of what follows `previous` (n * k,)."""
        outputs = self.outputs(previous).unflatten(0, (len(self._memory), -1))
        return self._decoder.attention.weights(outputs, self._memory)[0]

    def keep(self, plans):
        """Leave out all plans but these; `go_on` says with which captions of theirs it goes on."""
        self._gates, self._memory = self._gates[plans], self._memory[plans]

    def replace(self, slots, others, plans):
        """Let `plans` of other `Steps`, one caption each, take the place of those in `slots`.

        All plans have equally many captions here.
        """
        self._gates[slots], self._memory[slots] = others._gates[plans], others._memory[plans]
        states = self._states.view(len(self._gates), -1, self._states.shape[1])
        states[slots] = others._states[plans, None]

    def go_on(self, rows):
        """Go on with the captions `rows`."""
        self._states = self._states[rows]
