//! Evidence and documents, genuine and simulated: read, judged, previewed, refused.

mod arrival;
mod attacks;
mod conformance;
mod preview;
mod processor_quotes;
mod protocol;
mod protocol_pccs;
mod refusal;
mod root_separation;
mod unsigned_bits;
mod vendor_statuses;
