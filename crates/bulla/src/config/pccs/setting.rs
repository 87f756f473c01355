//! What became of a setting.

/// Whether a setting was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    TakenOver,
    Left,
}

impl Became {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TakenOver => "taken over",
            Self::Left => "left",
        }
    }
}

/// A setting of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    name: String,
    /// As it stands there; of a secret only whether there is one.
    pub(crate) value: String,
    pub(crate) became: Became,
    /// Why; empty where it goes without saying.
    pub(crate) why: String,
}

impl Setting {
    pub(super) fn new(
        name: impl Into<String>,
        value: impl Into<String>,
        became: Became,
        why: &str,
    ) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            became,
            why: why.to_owned(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}
