"""The command `costmodel`: reading what is typed, asking the library, showing what it says."""
