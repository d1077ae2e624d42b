"""Videos in the manner of CLEVRER, with questions: drawn, simulated, re-simulated, asked about, rendered."""
