"""Files, interrupts, process exits, memory of the machine."""
