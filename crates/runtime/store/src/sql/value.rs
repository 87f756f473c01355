//! Values of the three kinds that the databases have in common, and of none.

use super::fault::{Fault, Outcome};

/// What a statement is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Nothing.
    Null,
    /// Any integer: 64 bits with a sign.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// What can be given to a statement.
pub(crate) trait Parameter {
    /// The same as a value; fails for a number that no column holds.
    fn value(&self) -> Outcome<Value<'_>>;
}

impl Parameter for i64 {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(Value::Integer(*self))
    }
}

impl Parameter for u64 {
    fn value(&self) -> Outcome<Value<'_>> {
        i64::try_from(*self)
            .map(Value::Integer)
            .map_err(|_| Fault::Refused(format!("{self} is more than a column holds")))
    }
}

impl Parameter for u32 {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(Value::Integer((*self).into()))
    }
}

impl Parameter for u16 {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(Value::Integer((*self).into()))
    }
}

impl Parameter for str {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(Value::Text(self))
    }
}

impl Parameter for String {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(Value::Text(self))
    }
}

impl Parameter for [u8] {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(Value::Blob(self))
    }
}

impl Parameter for Vec<u8> {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(Value::Blob(self))
    }
}

impl<const SIZE: usize> Parameter for [u8; SIZE] {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(Value::Blob(self))
    }
}

impl<T: Parameter + ?Sized> Parameter for &T {
    fn value(&self) -> Outcome<Value<'_>> {
        (**self).value()
    }
}

impl<T: Parameter> Parameter for Option<T> {
    fn value(&self) -> Outcome<Value<'_>> {
        self.as_ref().map_or(Ok(Value::Null), Parameter::value)
    }
}

/// What a column gives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// An integer.
    Integer(i64),
    /// The bytes of a text. In SQLite they need not be UTF-8 once they are damaged.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// What can be read from a column. What cannot be is damage: everything was written by this crate.
pub(crate) trait Column: Sized {
    /// From what a column has; `None` where it has nothing.
    fn read(found: Option<Found<'_>>) -> Option<Self>;
}

impl Column for i64 {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        match found? {
            Found::Integer(number) => Some(number),
            _ => None,
        }
    }
}

impl Column for u64 {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        i64::read(found)?.try_into().ok()
    }
}

impl Column for u32 {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        i64::read(found)?.try_into().ok()
    }
}

impl Column for u16 {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        i64::read(found)?.try_into().ok()
    }
}

impl Column for String {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        match found? {
            Found::Text(octets) => Some(std::str::from_utf8(octets).ok()?.to_owned()),
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        match found? {
            Found::Blob(octets) => Some(octets.to_vec()),
            _ => None,
        }
    }
}

impl<const SIZE: usize> Column for [u8; SIZE] {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        match found? {
            Found::Blob(octets) => octets.try_into().ok(),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        match found {
            None => Some(None),
            found => T::read(found).map(Some),
        }
    }
}
