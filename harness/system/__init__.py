"""The operating system: files, signals, processes and memory.

- ``atomic_files``: files that are written whole or not at all
- ``inner_files``: files below a folder that somebody else may have filled
- ``file_trees``: files and folders that are one thing to their users
- ``staging``: folders in which files are completed before they take their place
- ``interrupts``: Ctrl-C and SIGTERM
- ``process_exit``: how processes end
- ``descendants``: all processes that a process has started
- ``lock_holders``: who holds the lock of a file, and whether they are stopped
- ``oom_killer``: whether the system killed a process to free memory
- ``malloc``: the allocator's settings
- ``collection``: Python's search for garbage, paused
- ``cores``: how many CPU cores a process may use
- ``own_time``: time without what others took from a thread
- ``free_memory``: how much of the machine's memory a process may still take
- ``hardware``: processor and GPUs by name
- ``quiet_logs``: progress messages of other people's tools, silenced

Imports ``zoo.errors`` only.
"""
