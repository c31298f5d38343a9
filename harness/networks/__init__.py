"""Building networks and adapting them."""
