"""The whole cycle, its steps one at a time, and what an operator does about a wave."""
