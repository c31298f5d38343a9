"""Reports: records → leaderboard → tables and pages. Never imports torch, never trains."""
