"""What all tests share."""

from hypothesis import settings

# deadline: the first call of torch takes a second. derandomize: a failure here is a failure everywhere.
settings.register_profile("dias", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("dias")
