"""Sites published, trials submitted, leaderboards verified."""
