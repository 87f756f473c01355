//! Addresses of upstreams.

use bulla_protocol::client::is_this_machine;
use reqwest::Url;

/// What clients of caches write behind an address, and what every request has in front.
const MOUNT: &str = "/sgx/certification/v4";

/// An address at which something can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Address(Url);

impl Address {
    /// Takes the address of a service, [`MOUNT`] behind it or not.
    pub(crate) fn service(text: &str, insecure_http: bool) -> Result<Self, String> {
        let mut url = Self::file(text, insecure_http)?.0;
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix(MOUNT).unwrap_or(path).to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Takes the address of a file. `http:` is for this machine, unless it is allowed.
    pub(crate) fn file(text: &str, insecure_http: bool) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is no address: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not carry a name or password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end with its path, without `?` or `#`".to_owned());
        }
        let address = Self(url);
        match address.0.scheme() {
            "https" => Ok(address),
            "http" if insecure_http || address.is_this_machine() => Ok(address),
            "http" => Err(
                "would send the names of platforms in clear over a network: use https, or allow it \
                 with insecure_http"
                    .to_owned(),
            ),
            other => Err(format!("has the scheme {other}; use https")),
        }
    }

    /// Where the path and query of a request lie.
    pub(crate) fn of(&self, path: &str, query: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url.set_query((!query.is_empty()).then_some(query));
        url
    }

    /// The address itself.
    pub(crate) fn url(&self) -> Url {
        self.0.clone()
    }

    /// The host, without a port.
    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether nothing leaves this machine on the way there.
    pub(crate) fn is_this_machine(&self) -> bool {
        is_this_machine(self.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_lie_behind_the_address_whatever_its_ending() {
        for text in [
            "https://a.example/pcs",
            "https://a.example/pcs/",
            "https://a.example/pcs/sgx/certification/v4",
            "https://a.example/pcs/sgx/certification/v4/",
        ] {
            let address = Address::service(text, false).unwrap();
            assert_eq!(
                address
                    .of("/tdx/certification/v4/tcb", "fmspc=0&x=y")
                    .as_str(),
                "https://a.example/pcs/tdx/certification/v4/tcb?fmspc=0&x=y"
            );
        }
        let plain = Address::service("https://a.example:8081", false).unwrap();
        assert_eq!(plain.of("/a", "").as_str(), "https://a.example:8081/a");
        assert_eq!(plain.host(), "a.example");
    }

    #[test]
    fn clear_text_is_for_this_machine() {
        for text in [
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]:8",
            "http://localhost:80/x",
            "https://a.example",
        ] {
            assert!(Address::file(text, false).is_ok(), "{text}");
        }
        for text in [
            "http://a.example",
            "http://10.0.0.1",
            "http://localhost.example",
        ] {
            let problem = Address::file(text, false).unwrap_err();
            assert!(problem.contains("insecure_http"), "{problem}");
            assert!(Address::file(text, true).is_ok());
        }
    }

    #[test]
    fn addresses_carry_nothing_else() {
        for text in [
            "",
            "a.example",
            "ftp://a.example",
            "file:///x",
            "https://u@a.example",
            "https://u:p@a.example",
            "https://a.example?x",
            "https://a.example#x",
            "https://",
        ] {
            assert!(Address::file(text, true).is_err(), "{text}");
        }
    }
}
