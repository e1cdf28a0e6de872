"""What the training stages share: device, seeding, skorch defaults, progress and history."""
