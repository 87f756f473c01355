//! What every page has around it.

use crate::administration::Administration;

use super::Visitor;

/// Where in the menu a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Documents,
    Fleet,
    Enforcement,
    Upstreams,
    Refusals,
    SignIn,
    /// Nowhere.
    Outside,
}

impl Place {
    /// All that stand in the menu, in their order; the last is not there for whoever is signed in.
    const MENU: [Self; 6] = [
        Self::Documents,
        Self::Fleet,
        Self::Enforcement,
        Self::Upstreams,
        Self::Refusals,
        Self::SignIn,
    ];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Documents => "Documents",
            Self::Fleet => "Fleet",
            Self::Enforcement => "Enforcement",
            Self::Upstreams => "Upstreams",
            Self::Refusals => "Refusals",
            Self::SignIn => "Sign in",
            Self::Outside => "Not done",
        }
    }

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Documents | Self::Outside => "/page",
            Self::Fleet => "/page/fleet",
            Self::Enforcement => "/page/enforcement",
            Self::Upstreams => "/page/upstreams",
            Self::Refusals => "/page/refusals",
            Self::SignIn => "/page/sign-in",
        }
    }

    /// The page of a path; absent where there is none in the menu.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let mut all = Self::MENU.into_iter();
        all.find(|place| place.path() == path)
    }
}

/// The frame: the menu, under which anchor everything here is, who looks.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) place: Place,
    /// By the service's clock, as RFC 3339.
    pub(super) now: String,
    pub(super) anchor: String,
    pub(super) is_simulated: bool,
    pub(super) mode: &'static str,
    /// The name of the token; empty for a stranger.
    pub(super) actor: String,
    /// What stands in forms; absent where nobody is signed in.
    pub(super) check: Option<String>,
}

impl Frame {
    pub(super) fn new(administration: &Administration, visitor: &Visitor) -> Self {
        let house = administration.house();
        Self {
            place: Place::Outside,
            now: house.now.to_string(),
            anchor: house.anchor.to_owned(),
            is_simulated: house.is_simulated,
            mode: house.mode,
            actor: visitor.actor().to_owned(),
            check: match visitor {
                Visitor::SignedIn(session) => Some(session.check.clone()),
                Visitor::Stranger | Visitor::Token(_) => None,
            },
        }
    }

    /// The same around another page.
    pub(super) fn at(&self, place: Place) -> Self {
        Self {
            place,
            ..self.clone()
        }
    }

    pub(super) fn menu(&self) -> impl Iterator<Item = Place> {
        let is_known = !self.actor.is_empty();
        let all = Place::MENU.into_iter();
        all.filter(move |place| !is_known || *place != Place::SignIn)
    }
}
