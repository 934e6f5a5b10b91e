"""The contenders: a function Task -> Runner for each, and `whole`, a whole program, cold.

What makes a contender faster and is not part of the step is done before the timing: its batches
are ready in its own kind of array, and its functions are compiled.
"""
