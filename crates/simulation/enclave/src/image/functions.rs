//! The names of a program's functions, for people who want to know where an enclave was.

use super::elf::Elf;
use super::error::ConvertError;

/// The functions of a program by their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Functions(Vec<Function>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Function {
    /// In bytes from the start of the enclave.
    start: u64,
    /// In bytes; zero where the file does not say.
    size: u64,
    name: String,
}

impl Functions {
    /// Reads the symbol table of an ELF file; what was stripped has none.
    ///
    /// # Errors
    ///
    /// When the file is not ELF of the right kind, or its table is not in order.
    pub fn read(bytes: &[u8]) -> Result<Self, ConvertError> {
        let mut functions: Vec<Function> = Elf::parse(bytes)?
            .functions()?
            .into_iter()
            .map(|symbol| Function {
                start: symbol.address,
                size: symbol.size,
                name: readable(symbol.name),
            })
            .collect();
        functions.sort();
        Ok(Self(functions))
    }

    /// The function at an offset from the start of the enclave, and how far into it that is, as
    /// `name+0x10`; `None` where none is known.
    pub fn at(&self, offset: u64) -> Option<String> {
        let behind = self.0.partition_point(|function| function.start <= offset);
        let function = self.0.get(behind.checked_sub(1)?)?;
        let inside = offset - function.start;
        let holds = function.size == 0 || inside < function.size;
        holds.then(|| format!("{}+{inside:#x}", function.name))
    }
}

/// A name as it stands in the source, without the digest that Rust adds.
fn readable(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    format!("{:#}", rustc_demangle::demangle(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Functions {
        let function = |start, size, name: &[u8]| Function {
            start,
            size,
            name: readable(name),
        };
        Functions(vec![
            function(
                0x1000,
                0x20,
                b"_ZN4core9panicking5panic17h0123456789abcdefE",
            ),
            function(0x1020, 0, b"sgx_entry"),
            function(0x2000, 0x10, b"main"),
        ])
    }

    #[test]
    fn an_offset_is_named_by_the_function_that_holds_it() {
        let functions = functions();
        for (offset, name) in [
            (0x0fff, None),
            (0x1000, Some("core::panicking::panic+0x0")),
            (0x101f, Some("core::panicking::panic+0x1f")),
            (0x1fff, Some("sgx_entry+0xfdf")),
            (0x200f, Some("main+0xf")),
            (0x2010, None),
        ] {
            assert_eq!(functions.at(offset).as_deref(), name, "{offset:#x}");
        }
        assert_eq!(Functions::default().at(0), None);
    }
}
