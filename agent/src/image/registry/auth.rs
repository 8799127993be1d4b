//! Saying who we are, the way the registry asks for it: Basic, or a token from the place that it names.
//!
//! Guarantee: the password is sent to the registry itself or to the token service that it names over a channel the
//! policy allows, and appears in no message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
        let challenges = challenges.filter_map(|value| value.to_str().ok());
        let challenges: Vec<Challenge> = challenges.filter_map(challenge).collect();
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service)),
            Challenge::Basic => None,
        });
        match bearer {
            Some((realm, service)) => self.token(realm, service.as_deref()).await.map(Some),
            None if challenges.contains(&Challenge::Basic) => self.basic().transpose(),
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
            RegistryError::Wrong(format!("its token service has no lawful address: {error}"))
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
        let token: Token = serde_json::from_slice(&json).map_err(|_| wrong("answered no token"))?;
        let token = token
            .token
            .or(token.access_token)
            .filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| wrong("answered an empty token"))?;
        secret_value(&format!("Bearer {token}")).map_err(|_| wrong("answered a token that is not ASCII"))
    }
}

fn secret_value(text: &str) -> Result<HeaderValue, RegistryError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| RegistryError::Secret("user and password cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Bearer realm="https://…",service="…",scope="…"` or `Basic realm="…"`.
fn challenge(text: &str) -> Option<Challenge> {
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameters = parameters(rest);
    let find = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    Some(Challenge::Bearer {
        realm: find("realm")?,
        service: find("service"),
    })
}

/// `key="value"` pairs between commas; a value may hold commas and escaped quotes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while let Some((key, after)) = rest.split_once('=') {
        let mut value = String::new();
        let mut end = after.len();
        if let Some(quoted) = after.strip_prefix('"') {
            let mut escaped = false;
            for (at, c) in quoted.char_indices() {
                match c {
                    '\\' if !escaped => escaped = true,
                    '"' if !escaped => {
                        end = at + 2;
                        break;
                    }
                    other => {
                        value.push(other);
                        escaped = false;
                    }
                }
            }
        } else {
            end = after.find(',').unwrap_or(after.len());
            value = after[..end].trim().to_owned();
        }
        found.push((key.trim().to_owned(), value));
        rest = after
            .get(end..)
            .unwrap_or_default()
            .trim_start_matches([' ', ',']);
    }
    found
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
        for (text, expected) in [
            ("Basic realm=\"Registry\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://auth.example.org/token\",service=\"registry.example.org\",scope=\"repository:a:pull,push\"",
                bearer("https://auth.example.org/token", Some("registry.example.org")),
            ),
            (
                "bearer scope=\"a,b=c\", realm=\"https://x/\\\"y\"",
                bearer("https://x/\"y", None),
            ),
            (
                "Bearer realm=https://x/token,service=y",
                bearer("https://x/token", Some("y")),
            ),
            ("Bearer realm=\"unfinished", bearer("unfinished", None)),
            ("Bearer service=\"y\"", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(challenge(text), expected, "{text}");
        }
    }
}
