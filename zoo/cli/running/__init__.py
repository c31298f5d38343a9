"""What a bench does around its trials.

``listeners``  passes every event to the display and to all listeners
``seeding``    adds seeds to rows that share ranks
``folds``      pools cross-validation folds
``runtimes``   evaluates and times trained weights under other runtimes
``forecast``   estimates run time and memory
"""
