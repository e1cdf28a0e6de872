"""Small helpers around torch, shared by all stages: batches, devices, threads, seeds."""
