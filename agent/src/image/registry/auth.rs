//! Saying who we are, the way the registry asks for it: Basic, or a token from the place that it names.
//!
//! Guarantee: the password is sent to the registry itself or to the token service that it names over a channel the
//! policy allows, and appears in no message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::client::{QUICK, Registry, read_capped};
use super::error::RegistryError;

const MAX_TOKEN: usize = 64 * 1024;
const WHAT: &str = "hand out a token";

/// How a registry wants to be told who we are.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    /// The value of `Authorization` that answers the challenge of a 401; `None` when we have nothing to say.
    pub(super) async fn answer_to(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, RegistryError> {
        // One that is no text is as unreadable as an empty one.
        let headers = headers.get_all(WWW_AUTHENTICATE).iter();
        let headers = headers.map(|value| value.to_str().unwrap_or_default());
        match chosen(headers)? {
            Some(Challenge::Bearer { realm, service }) => {
                self.token(&realm, service.as_deref()).await.map(Some)
            }
            Some(Challenge::Basic) => self.basic().transpose(),
            None => Ok(None),
        }
    }

    fn basic(&self) -> Option<Result<HeaderValue, RegistryError>> {
        let login = self.login.as_ref()?;
        let pair = STANDARD.encode(format!("{}:{}", login.user, login.password));
        Some(secret_value(&format!("Basic {pair}")))
    }

    async fn token(&self, realm: &str, service: Option<&str>) -> Result<HeaderValue, RegistryError> {
        let mut url = Url::parse(realm).map_err(|error| {
            RegistryError::Wrong(format!(
                "its token service has an address that is not valid: {error}"
            ))
        })?;
        self.policy.check(&url, &self.endpoint)?;
        let scope = format!("repository:{}:{}", self.path, self.scope.actions());
        url.query_pairs_mut()
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair("scope", &scope);
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.http.get(url).timeout(QUICK);
        if let Some(basic) = self.basic() {
            request = request.header(AUTHORIZATION, basic?);
        }
        let answer = request.send().await;
        let answer = answer.map_err(|error| RegistryError::unreachable(&host, WHAT, &error.without_url()))?;
        if answer.status() != StatusCode::OK {
            return Err(self.refusal(WHAT, answer).await);
        }
        let json = read_capped(answer, MAX_TOKEN, &host, WHAT).await?;
        let wrong = |why: &str| RegistryError::Wrong(format!("token service {host} {why}"));
        let token: Token = serde_json::from_slice(&json).map_err(|_| wrong("answered without a token"))?;
        let token = token
            .token
            .or(token.access_token)
            .filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| wrong("answered with an empty token"))?;
        secret_value(&format!("Bearer {token}")).map_err(|_| wrong("answered with a token that is not ASCII"))
    }
}

fn secret_value(text: &str) -> Result<HeaderValue, RegistryError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| RegistryError::Secret("user and password cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The challenge to answer, of all headers: one for a token rather than one for the password. What stands behind a mistake
/// is not read, and the parser's words for it are not repeated, since they quote the header.
fn chosen<'a>(headers: impl Iterator<Item = &'a str>) -> Result<Option<Challenge>, RegistryError> {
    let mut basic = None;
    let mut is_readable = true;
    for read in headers.flat_map(ChallengeParser::new) {
        match read.map(|challenge| Challenge::of(&challenge)) {
            Ok(Some(bearer @ Challenge::Bearer { .. })) => return Ok(Some(bearer)),
            Ok(Some(Challenge::Basic)) => basic = Some(Challenge::Basic),
            Ok(None) => {}
            Err(_) => is_readable = false,
        }
    }
    if basic.is_none() && !is_readable {
        let why = "its header WWW-Authenticate, which asks for a login, is not readable";
        return Err(RegistryError::Wrong(why.to_owned()));
    }
    Ok(basic)
}

impl Challenge {
    fn of(challenge: &ChallengeRef<'_>) -> Option<Self> {
        if challenge.scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !challenge.scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let find = |name: &str| {
            let mut all = challenge.params.iter();
            let found = all.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        Some(Self::Bearer {
            realm: find("realm")?,
            service: find("service"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        })
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let cases: [(&[&str], Option<Challenge>); 10] = [
            (&["Basic realm=\"Registry\""], Some(Challenge::Basic)),
            (&["BASIC"], Some(Challenge::Basic)),
            (
                &[
                    "Bearer realm=\"https://auth.example.org/token\",service=\"registry.example.org\",scope=\"repository:a:pull,push\"",
                ],
                bearer("https://auth.example.org/token", Some("registry.example.org")),
            ),
            (
                &["bearer scope=\"a,b=c\", Realm=\"https://x/\\\"y\""],
                bearer("https://x/\"y", None),
            ),
            (
                &["Bearer realm=\"https://x/token\",service=y"],
                bearer("https://x/token", Some("y")),
            ),
            (
                &["Basic realm=\"x\", Bearer realm=\"https://x/token\""],
                bearer("https://x/token", None),
            ),
            (
                &["Basic realm=\"x\"", "Bearer realm=\"https://x/token\""],
                bearer("https://x/token", None),
            ),
            (&["Bearer service=\"y\"", "Basic"], Some(Challenge::Basic)),
            (&["Negotiate"], None),
            (&[], None),
        ];
        for (headers, expected) in cases {
            let read = chosen(headers.iter().copied());
            assert_eq!(read.unwrap(), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_challenge_that_is_not_readable_is_named_and_not_repeated() {
        for header in [
            "",
            "Bearer realm=\"secret",
            "Bearer realm=https://secret/token",
            "Bearer realm",
            "secret secret secret",
            "secret=\"x\"",
            "s\u{e9}cret",
        ] {
            let error = chosen([header].into_iter()).unwrap_err().to_string();
            assert!(
                error.contains("WWW-Authenticate") && !error.contains("cret"),
                "{header}: {error}"
            );
        }
        let beside = chosen(["Basic realm=\"x\", secret secret secret"].into_iter());
        assert_eq!(beside.unwrap(), Some(Challenge::Basic));
    }
}
