"""What every simulated vendor shares; it imports nothing of ours."""
