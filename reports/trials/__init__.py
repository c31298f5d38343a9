"""What is read of records and predictions, and how trials group into rows."""
