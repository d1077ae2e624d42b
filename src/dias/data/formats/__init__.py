"""File formats that data sets are kept in; one file a format, none of them knows a data set."""
