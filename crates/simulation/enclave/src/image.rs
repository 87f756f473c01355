//! Enclave images: made from ELF files, and compared.
