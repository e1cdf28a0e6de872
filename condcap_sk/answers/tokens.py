"""Token ids that every vocabulary has."""

END, UNKNOWN = 0, 1  # END also fills what follows it
N_SPECIAL = 2
