//! The operator's page: what the service keeps, how it is, and what is coming, as pages for people.
//!
//! They are written by the server and need no script. What they show are the values of the routes in
//! JSON, under the same rights: whoever may read a route by a token may read its page, after having
//! signed in with that token once. Everything that comes from outside is escaped by the templates.

mod documents;
mod enforcement;
#[cfg(test)]
mod escaping;
mod fleet;
mod form;
mod frame;
mod list;
mod refusals;
mod reply;
mod session;
mod sign_in;
mod timeline;
mod upstreams;

use std::time::Instant;

use bulla_protocol::pccs;
use bulla_protocol::wire::Status;

use crate::administration::{Access, Administration, Problem, Query, Route};
use crate::http::{Asked, Denied, HeaderValue, Reply, Role, Tokens};

use form::Form;
use frame::{Frame, Place};
use session::{Session, Sessions};

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Shows the documents and how fresh they are.
    Documents,
    /// Shows the fleet by technology and TCB status.
    Fleet,
    /// Shows what is demanded, and will be.
    Enforcement,
    /// Shows how the upstreams are.
    Upstreams,
    /// Shows what was refused of late, and why.
    Refusals,
    /// Asks the upstreams for everything that is kept.
    Refresh,
    /// Shows where to sign in.
    SignInForm,
    /// Signs somebody in.
    SignIn,
    /// Signs somebody out.
    SignOut,
    /// Gives the style sheet.
    Style,
    /// Gives the icon.
    Icon,
}

/// The pages, and who is signed in.
#[derive(Debug, Default)]
pub(crate) struct Page {
    sessions: Sessions,
}

/// Who looks.
#[derive(Clone, Debug)]
enum Visitor {
    /// Somebody of whom nothing is known.
    Stranger,
    /// Somebody who signed in.
    SignedIn(Session),
    /// A program that sends the token with each request.
    Token(String),
}

impl Visitor {
    /// The name of the token by which he was let in; empty for a stranger.
    fn actor(&self) -> &str {
        match self {
            Self::Stranger => "",
            Self::SignedIn(session) => &session.actor,
            Self::Token(name) => name,
        }
    }

    /// Refuses a form that no page of the session has given out. A browser sends the cookie whoever
    /// made the form, within the bounds of `SameSite`; a header with a token it does not.
    fn check(&self, form: &Form) -> Result<(), Problem> {
        match self {
            Self::SignedIn(session) if !session.has_check(form.check()) => Err(forged(
                "the form is not one of your session; open the page again and repeat it there",
            )),
            Self::Stranger | Self::SignedIn(_) | Self::Token(_) => Ok(()),
        }
    }
}

type Outcome = Result<Reply, Problem>;

/// Why somebody is not let in.
enum Shut {
    /// He has no right.
    Out(Denied),
    /// Whether he is signed in cannot be said.
    Unknown(Problem),
}

impl Page {
    /// Answers one request, from what the house has, to whoever the tokens let in.
    pub(crate) async fn respond(
        &self,
        route: &Route,
        action: Action,
        asked: Asked,
        (administration, tokens): (&Administration, &Tokens),
    ) -> Reply {
        let visitor = match action {
            // The same for all: nobody is looked up for them, in a database at worst.
            Action::Style | Action::Icon => Ok(Visitor::Stranger),
            _ => self.visitor(route.access, &asked, (administration, tokens)),
        };
        let frame = Frame::new(
            administration,
            visitor.as_ref().unwrap_or(&Visitor::Stranger),
        );
        let outcome = match visitor {
            Ok(visitor) => {
                let act = self.act(action, asked, (administration, tokens), &visitor, &frame);
                act.await
            }
            Err(Shut::Out(denied)) => Ok(sign_in::refused(frame.clone(), route.path, denied)),
            Err(Shut::Unknown(problem)) => Err(problem),
        };
        let mut reply = outcome.unwrap_or_else(|problem| reply::problem(frame, &problem));
        reply.route = route.name;
        reply
    }

    async fn act(
        &self,
        action: Action,
        asked: Asked,
        (administration, tokens): (&Administration, &Tokens),
        visitor: &Visitor,
        frame: &Frame,
    ) -> Outcome {
        let query = Query::read(asked.query())?;
        let frame = |place| frame.at(place);
        match action {
            Action::Documents => documents::show(frame(Place::Documents), administration, &query),
            Action::Fleet => fleet::show(frame(Place::Fleet), administration, &query),
            Action::Enforcement => {
                enforcement::show(frame(Place::Enforcement), administration, &query)
            }
            Action::Upstreams => upstreams::show(frame(Place::Upstreams), administration, &query),
            Action::Refusals => refusals::show(frame(Place::Refusals), administration, &query),
            Action::Refresh => {
                query.only(&[])?;
                let form = Form::read(asked, &[form::CHECK]).await?;
                visitor.check(&form)?;
                let done = administration.ask_anew(None, visitor.actor()).await?;
                documents::show_refreshed(frame(Place::Documents), &done)
            }
            Action::SignInForm => {
                query.only(&[])?;
                Ok(sign_in::show(frame(Place::SignIn)))
            }
            Action::SignIn => {
                query.only(&[])?;
                let house = (administration, tokens);
                self.sign_in(asked, house, frame(Place::SignIn)).await
            }
            Action::SignOut => {
                query.only(&[])?;
                let headers = asked.headers.clone();
                let form = Form::read(asked, &[form::CHECK]).await?;
                visitor.check(&form)?;
                self.sessions
                    .end(administration.store(), tokens, &headers)?;
                Ok(
                    reply::see_other("/page")
                        .with_header(session::SET_COOKIE, session::no_cookie()),
                )
            }
            Action::Style => query.only(&[]).map(|()| reply::style()),
            Action::Icon => query.only(&[]).map(|()| reply::icon()),
        }
    }

    /// Who looks, if he may. What everybody may see is shown to whoever signed in as well as to
    /// others, and no token is looked at for it.
    fn visitor(
        &self,
        access: Access,
        asked: &Asked,
        (administration, tokens): (&Administration, &Tokens),
    ) -> Result<Visitor, Shut> {
        let now = Instant::now();
        let store = administration.store();
        match self.sessions.find(store, tokens, &asked.headers, now) {
            Ok(Some(session)) => return Ok(Visitor::SignedIn(session)),
            // Without the database that nodes share, strangers see what they may.
            _ if access == Access::Anybody => return Ok(Visitor::Stranger),
            Ok(None) => {}
            Err(problem) => return Err(Shut::Unknown(problem)),
        }
        let token = asked.headers.get(pccs::ADMIN_TOKEN);
        let token = token.map(HeaderValue::as_bytes);
        let peer = asked.connection.peer();
        let token = tokens.check(Role::Administrator, token, peer, now);
        let token = token.map_err(Shut::Out)?;
        Ok(Visitor::Token(token.name.clone()))
    }

    /// Lets somebody in who gives a token in the form, and leads him to where he wanted to go.
    async fn sign_in(
        &self,
        asked: Asked,
        (administration, tokens): (&Administration, &Tokens),
        frame: Frame,
    ) -> Outcome {
        let (connection, now) = (asked.connection.clone(), Instant::now());
        let headers = asked.headers.clone();
        let form = Form::read(asked, &[form::TOKEN, form::DESTINATION]).await?;
        let token = form.required(form::TOKEN)?.as_bytes();
        let destination = sign_in::destination(form.find(form::DESTINATION));
        match tokens.check(Role::Administrator, Some(token), connection.peer(), now) {
            Ok(token) => {
                let store = administration.store();
                // The browser forgets the cookie that it has, so that nobody could sign out by it.
                self.sessions.end(store, tokens, &headers)?;
                let cookie = self.sessions.begin(store, token, now)?;
                tracing::info!(
                    token = token.name,
                    peer = connection.peer().map(tracing::field::display),
                    "signed in at the page"
                );
                let cookie = cookie.header(connection.is_encrypted())?;
                Ok(reply::see_other(destination).with_header(session::SET_COOKIE, cookie))
            }
            Err(denied) => Ok(sign_in::refused(frame, destination, denied)),
        }
    }
}

/// A form that somebody else's page may have sent.
fn forged(detail: &str) -> Problem {
    let title = "This form is refused.";
    Problem::new(Status::FORBIDDEN, "form-refused", title).because(detail)
}
