//! REST, metrics and health.
