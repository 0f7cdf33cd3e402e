"""The public functions: what each command does, for programs."""
