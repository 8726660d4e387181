"""A graph of jobs with content-addressed results. It knows nothing of learning."""
