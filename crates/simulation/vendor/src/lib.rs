//! A vendor in a box: platforms, collateral, events, and its web service.
