//! Defects of other verifiers, listed in docs/pitfalls.md: none of them is here.

mod certificates;
mod der;
mod documents;
mod enclaves;
mod encodings;
mod levels;
mod list;
mod policy;
mod properties;
mod quotes;
mod roles;
mod signatures;
mod statuses;
mod time;
mod values;
