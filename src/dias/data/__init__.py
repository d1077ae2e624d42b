"""Data: read pictures and masks, choose what is seen of them, put them in order, make them (`synthetic`)."""
