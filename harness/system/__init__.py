"""The operating system: files, signals, processes and memory.

- ``atomic_files``: files that are written whole or not at all
- ``interrupts``: Ctrl-C and SIGTERM
- ``process_exit``: how processes end
- ``oom_killer``: whether the system killed a process to free memory
- ``malloc``: the allocator's settings
- ``hardware``: processor and GPUs by name

Imports ``zoo.errors`` only.
"""
