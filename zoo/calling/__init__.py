"""Calling code of plugins, so that whatever it does is an error under the plugin's name.

``containment``    a plugin's code cannot leave the process, and its errors are told under its name
``process_state``  what a plugin's code changed of the process is put back
``signatures``     which of the things that are offered a plugin's function takes
``unfinished``     what was being called when a process of zoo ended without a word
``interruption``   whether the user asked this process to stop, or a plugin raised ``KeyboardInterrupt`` itself
"""
