"""Child processes: started from one that has imported the heavy libraries, watched, and ended with all they started.

- ``starter``: starts jobs, watches and stops them
- ``fork_server``: the process that imports the heavy libraries once, from which they are forked
- ``server_start``: what it and the process that starts it tell each other until all is imported
- ``preload``: what it imports
- ``jobs``: what a child process does
"""
