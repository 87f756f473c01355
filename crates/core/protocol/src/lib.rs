//! The grammar of the vendor's and the caches' web interfaces: requests, answers, headers, encodings.
