"""The command `costmodel`: reading what is typed, asking the library, showing what it says."""

import gc

# An answer is there before garbage is worth looking for, which by default begins while modules are still imported.
gc.set_threshold(100_000)
