//! What an error of a registry means, and the way out. Pure.

use std::io;

use oci_client::errors::OciDistributionError;

use super::login::Source;

/// More of an answer helps no reader.
const MOST: usize = 200;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It wants a login, or another one.
    Login,
    /// The user may not do that.
    Denied,
    /// It answers in plain HTTP, and was spoken to in TLS.
    PlainHttp,
    /// Its certificate is not trusted.
    Certificate(String),
    /// No answer.
    Unreached(String),
    /// It answered otherwise than wished.
    Answer(u16, String),
    /// Anything else.
    Other(String),
}

impl Trouble {
    /// What is behind an error.
    pub fn of(error: &OciDistributionError) -> Self {
        if let OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::UnauthorizedError { .. } = error
        {
            return Self::Login;
        }
        if let OciDistributionError::ServerError { code, message, .. } = error {
            return Self::of_answer(*code, message);
        }
        if let OciDistributionError::RequestError(error) = error {
            return match error.status() {
                Some(status) => Self::of_answer(status.as_u16(), ""),
                None => Self::on_the_way(error),
            };
        }
        Self::Other(short(&error.to_string()))
    }

    fn of_answer(code: u16, said: &str) -> Self {
        match code {
            401 => Self::Login,
            403 => Self::Denied,
            code => Self::Answer(code, short(&message(said))),
        }
    }

    fn on_the_way(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = || std::iter::successors(Some(error), |cause| cause.source());
        let tls = causes()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .find_map(of_tls);
        if let Some(rustls::Error::InvalidMessage(_)) = tls {
            return Self::PlainHttp;
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = tls {
            return Self::Certificate(tls.map(ToString::to_string).unwrap_or_default());
        }
        let last = causes().last().map(ToString::to_string);
        Self::Unreached(short(&last.unwrap_or_default()))
    }

    /// For a person: what is wrong with this registry, and what to do.
    pub fn told(&self, registry: &str, plain_http: bool, source: &Source) -> String {
        match self {
            Self::Login => format!("registry {registry} {}", source.not_accepted(registry)),
            Self::Denied => format!(
                "registry {registry} does not let {} write there. Is the path right, and does it exist? Some registries want a \
                 project to be made first",
                source.user()
            ),
            Self::PlainHttp => {
                format!(
                    "registry {registry} speaks plain HTTP, without TLS. If that is wanted, add --plain-http"
                )
            }
            Self::Certificate(why) => format!(
                "the certificate of registry {registry} is not trusted: {why}. If it is of an authority of your own, set \
                 SSL_CERT_FILE to the file of that authority"
            ),
            Self::Unreached(why) => format!(
                "registry {registry} cannot be reached: {why}. Is a VPN or HTTPS_PROXY needed? It is asked from this machine, not \
                 from the cluster"
            ),
            Self::Answer(400, said) if plain_http => format!(
                "registry {registry} answers with status 400{}. If it speaks TLS, leave --plain-http away",
                colon(said)
            ),
            Self::Answer(code, said) => format!(
                "registry {registry} answers with status {code}{}. Type the command again later: what is there is not sent again",
                colon(said)
            ),
            Self::Other(why) => format!("registry {registry}: {why}"),
        }
    }
}

/// One error of the system lies in another, and names only the innermost as its source.
fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<io::Error>() {
        Some(inner) => of_tls(inner),
        None => inner.downcast_ref::<rustls::Error>(),
    }
}

fn colon(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

/// `{"errors": [{"code": "DENIED", "message": "…"}]}`, if it is one.
fn message(said: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(said).ok();
    let first = parsed.and_then(|value| {
        let first = value.pointer("/errors/0")?;
        let text = |key: &str| Some(first.get(key)?.as_str()?.to_owned());
        text("message").filter(|text| !text.is_empty()).or(text("code"))
    });
    first.unwrap_or_else(|| said.trim().to_owned())
}

fn short(text: &str) -> String {
    text.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, message: &str) -> OciDistributionError {
        OciDistributionError::ServerError {
            code,
            url: "https://r/secret".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn each_error_is_told_with_a_way_out() {
        let file = || Source::File("/home/me/.docker/config.json".into(), "me".to_owned());
        let cases = [
            (
                Trouble::of(&answer(401, "")),
                false,
                Source::Nowhere,
                "docker login r:5000",
            ),
            (
                Trouble::of(&answer(401, "")),
                false,
                file(),
                "user me of /home/me/.docker/config.json",
            ),
            (
                Trouble::of(&answer(403, "")),
                false,
                file(),
                "does not let user me write there",
            ),
            (
                Trouble::of(&answer(400, "")),
                true,
                file(),
                "leave --plain-http away",
            ),
            (
                Trouble::of(&answer(
                    429,
                    r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#,
                )),
                false,
                Source::Nowhere,
                "status 429: slow down",
            ),
            (
                Trouble::of(&OciDistributionError::AuthenticationFailure("no".to_owned())),
                false,
                Source::Typed("me".to_owned()),
                "does not accept user me",
            ),
            (Trouble::PlainHttp, false, Source::Nowhere, "add --plain-http"),
            (
                Trouble::Certificate("UnknownIssuer".to_owned()),
                false,
                Source::Nowhere,
                "SSL_CERT_FILE",
            ),
            (
                Trouble::Unreached("connection refused".to_owned()),
                false,
                Source::Nowhere,
                "VPN",
            ),
        ];
        for (trouble, plain, source, wanted) in cases {
            let told = trouble.told("r:5000", plain, &source);
            assert!(told.contains(wanted) && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn an_answer_that_is_a_page_is_cut() {
        let page = "x".repeat(5_000);
        let Trouble::Answer(502, said) = Trouble::of(&answer(502, &page)) else {
            panic!("not an answer")
        };
        assert_eq!(said.len(), MOST);
    }
}
