"""What slots tell of what happens: a Transformer over slots and words answers questions about clips."""
