"""Timer, speeds, tuning."""
