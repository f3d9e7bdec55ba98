"""Running experiments in shards under a scheduler: the Snakefile, its profiles, and the step that collects shards."""
