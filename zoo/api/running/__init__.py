"""What a bench does around its trials.

``flow``            a bench from an order to an outcome
``listeners``       passes every event to the display and to all listeners
``tuning``          searches settings before the rows are tested
``adaptive_seeds``  adds seeds to rows that share ranks
``second_round``    trains the best models with other recipes
``feature_layers``  leaves out networks without the layer that features are asked of
``stopping``        gives no more seeds to rows out of reach
``folds``           pools cross-validation folds
``runtimes``        evaluates and times trained weights under other runtimes
``retesting``       tests trained weights on further sets
``shortfalls``      says what a bench has not got
``forecast``        estimates run time and memory
``search_forecast`` estimates the time of searches
``planning``        a plan with its forecast, as an object
"""
