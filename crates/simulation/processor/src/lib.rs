//! The SGX and TDX processor as a model: measurement, initialisation, reports, keys, quotes.
