//! The one hall that every surface enters by: use cases, callers, permissions.
