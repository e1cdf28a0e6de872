"""The training that all stages share: their base class, nets, progress and callbacks."""

__all__: list[str] = []
