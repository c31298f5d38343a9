"""Columns of tables: what each shows, how it is sorted and formatted.

``column``               what a column is
``metric_column``        columns of metrics
``speed_columns``        columns of speeds
``further_set_columns``  columns of further test sets
``goal_columns``         columns of a stated accuracy
``cells``                how numbers are formatted
"""
