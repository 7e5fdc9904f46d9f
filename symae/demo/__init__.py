"""The whole chain at small size, on the built-in photographs: what `make demo` runs."""

from symae.demo.chain import PLAN, Plan, run_demo

__all__ = ["PLAN", "Plan", "run_demo"]
