"""The program: commands that do with files what the estimator does with arrays.

What takes long to import is imported where it is used: help comes at once.
"""
