"""The data plane, compiled. Only the `handles` modules are for others of this package."""
