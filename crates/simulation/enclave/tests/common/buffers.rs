//! Protocol buffers, written by hand.

/// A number as protocol buffers have it.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push((number % 128 + 128) as u8);
        number /= 128;
    }
    bytes.push(number as u8);
    bytes
}

/// A field of bytes.
pub(crate) fn text(field: usize, bytes: &[u8]) -> Vec<u8> {
    [varint(field * 8 + 2), varint(bytes.len()), bytes.to_vec()].concat()
}

/// A field that is a number.
pub(crate) fn number(field: usize, value: usize) -> Vec<u8> {
    [varint(field * 8), varint(value)].concat()
}

/// The first field: its number, its value (of numbers the bytes, little-endian), and the rest.
pub(crate) fn take(bytes: &[u8]) -> (usize, Vec<u8>, &[u8]) {
    let (key, rest) = take_varint(bytes);
    let (value, rest) = take_varint(rest);
    match key % 8 {
        0 => (key / 8, value.to_le_bytes().to_vec(), rest),
        2 => (key / 8, rest[..value].to_vec(), &rest[value..]),
        kind => panic!("no field of kind {kind} is used"),
    }
}

fn take_varint(bytes: &[u8]) -> (usize, &[u8]) {
    let length = bytes.iter().take_while(|byte| **byte >= 128).count() + 1;
    let low = bytes[..length].iter().rev();
    (
        low.fold(0, |n, byte| n << 7 | usize::from(byte % 128)),
        &bytes[length..],
    )
}
