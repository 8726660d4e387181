"""Studies planned and run: the plan, the trial that methods are written with, the run."""
