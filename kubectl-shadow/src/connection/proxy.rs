//! By way of which proxy the API server is asked: that of the kubeconfig; else that of the environment, as kubectl reads it.
//! The client library compares NO_PROXY with the address of the proxy, not with that of the API server.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// What the environment says of proxies.
#[derive(Default)]
pub(super) struct Environment {
    /// `HTTPS_PROXY`, for servers with TLS.
    pub(super) https: String,
    /// `HTTP_PROXY`, for others.
    pub(super) http: String,
    /// `NO_PROXY`, for none.
    pub(super) no: String,
}

impl Environment {
    /// That of this process.
    pub(super) fn here() -> Self {
        let first = |names: [&str; 2]| {
            let values = names.into_iter().filter_map(|name| std::env::var(name).ok());
            values
                .into_iter()
                .find(|value| !value.is_empty())
                .unwrap_or_default()
        };
        Self {
            https: first(["HTTPS_PROXY", "https_proxy"]),
            http: first(["HTTP_PROXY", "http_proxy"]),
            no: first(["NO_PROXY", "no_proxy"]),
        }
    }
}

/// The proxy for this server, if any.
pub(super) fn of(
    named: Option<&str>,
    server: &Uri,
    environment: &Environment,
) -> Result<Option<Uri>, String> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return address(named).map(Some);
    }
    let (of_scheme, is_here) = (
        match server.scheme_str() {
            Some("https") => &environment.https,
            Some(_) | None => &environment.http,
        },
        server.host().is_some_and(is_this_machine),
    );
    let matcher = Matcher::builder()
        .http(environment.http.clone())
        .https(environment.https.clone())
        .no(environment.no.clone())
        .build();
    if is_here || matcher.intercept(server).is_none() {
        return Ok(None);
    }
    address(of_scheme).map(Some)
}

fn address(text: &str) -> Result<Uri, String> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let uri: Uri = with_scheme
        .parse()
        .map_err(|error| format!("the proxy address cannot be read: {error}"))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") => Ok(uri),
        Some(other) => Err(format!(
            "a proxy of kind {other} cannot be used; http, https and socks5 can"
        )),
        None => Err("the proxy address names no host".to_owned()),
    }
}

/// No proxy of the environment leads to one's own machine.
fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(named: Option<&str>, server: &str, no: &str) -> Result<Option<String>, String> {
        let environment = Environment {
            https: "http://user:secret@proxy:3128".to_owned(),
            http: String::new(),
            no: no.to_owned(),
        };
        let found = of(named, &server.parse().unwrap(), &environment)?;
        Ok(found.map(|uri| uri.to_string().trim_end_matches('/').to_owned()))
    }

    #[test]
    fn the_kubeconfig_goes_before_the_environment() {
        let named = of_text(Some("socks5://10.0.0.9:1080"), "https://kube:6443", "*");
        assert_eq!(named, Ok(Some("socks5://10.0.0.9:1080".to_owned())));
        assert!(of_text(Some("ftp://x"), "https://kube:6443", "").is_err());
    }

    #[test]
    fn the_environment_counts_for_its_scheme_unless_the_server_is_excepted() {
        let proxy = Some("http://user:secret@proxy:3128".to_owned());
        let cases = [
            ("https://kube:6443", "", proxy.clone()),
            ("https://kube.example.org", "other.org,10.0.0.0/8", proxy),
            ("https://kube.example.org", "example.org", None),
            ("https://10.1.2.3:6443", "10.0.0.0/8", None),
            ("https://127.0.0.1:6443", "", None),
            ("https://[::1]:6443", "", None),
            ("https://localhost:6443", "", None),
            ("http://kube:8080", "", None),
        ];
        for (server, no, wanted) in cases {
            assert_eq!(of_text(None, server, no), Ok(wanted), "{server} {no}");
        }
    }
}
