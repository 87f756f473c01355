//! A service that computes a risk score over confidential records of patients, in an SGX enclave.
//!
//! The owner of the records seals them in *batches*, and has a gate give the key, to this enclave and
//! once for each batch. Whoever runs the enclave sees sealed batches, sealed state, and what leaves on
//! purpose: facts about all records together. `docs/first-enclave.md` tells the whole story.
//!
//! * [`record`]: records, scores, and the summary of all;
//! * [`batch`]: the owner's key, and batches sealed under it;
//! * [`state`]: what is kept between batches, sealed by the processor;
//! * [`gate`]: from a challenge to the key;
//! * [`service`]: what the enclave answers; [`http`] is how.
//!
//! Everything but `main` runs and is tested on any machine: what only an enclave can do stands
//! behind [`state::Processor`] and [`gate::Attester`].

pub mod batch;
pub mod gate;
pub mod http;
pub mod record;
pub mod service;
pub mod state;
