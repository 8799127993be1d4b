//! One HTTP request over one new connection, with everything that can go wrong told apart.

use std::io;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ProbeFailure {
    /// No connection.
    #[error("connect: {detail}")]
    Connect {
        /// The system's word.
        detail: String,
    },
    /// The connection broke.
    #[error("broken: {detail}")]
    Broken {
        /// The system's word.
        detail: String,
    },
    /// No whole answer in time.
    #[error("timeout")]
    Timeout,
    /// An answer that is not 2xx, or no HTTP at all.
    #[error("status {status:?}")]
    Status {
        /// The first line.
        status: String,
    },
}

/// A request that can be sent again and again. The host's name is resolved once.
#[derive(Debug, Clone)]
pub struct HttpGet {
    address: SocketAddr,
    request: String,
}

impl HttpGet {
    /// Prepares `METHOD url`.
    ///
    /// # Errors
    /// When the URL is no `http://` URL or its host cannot be resolved.
    pub async fn prepare(method: &str, url: &Url) -> io::Result<Self> {
        let invalid =
            |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{what} in URL {url}"));
        if url.scheme() != "http" {
            return Err(invalid("only http:// is spoken, not what is"));
        }
        let host = url.host_str().ok_or_else(|| invalid("no host"))?;
        let port = url.port_or_known_default().ok_or_else(|| invalid("no port"))?;
        let mut addresses = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await?;
        let address = addresses.next().ok_or_else(|| invalid("unknown host"))?;
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        Ok(Self { address, request })
    }

    /// Sends it and reads the whole answer; the body if the status is 2xx.
    ///
    /// This side closes first. If the server did, its network would keep the closed connection in mind for a minute
    /// and turn away a new one from the same port; a Service that masquerades picks ports at random and so meets such
    /// a port once in a thousand requests when 200 are sent each second.
    ///
    /// # Errors
    /// [`ProbeFailure`], except for the timeout, which is the caller's.
    pub async fn send(&self) -> Result<Vec<u8>, ProbeFailure> {
        let connect = |error: io::Error| ProbeFailure::Connect {
            detail: error.kind().to_string(),
        };
        let broken = |error: io::Error| ProbeFailure::Broken {
            detail: error.kind().to_string(),
        };
        let mut stream = TcpStream::connect(self.address).await.map_err(connect)?;
        stream.write_all(self.request.as_bytes()).await.map_err(broken)?;
        let mut answer = Vec::new();
        while !is_whole(&answer) && stream.read_buf(&mut answer).await.map_err(broken)? > 0 {}
        body(answer)
    }
}

fn head_end(answer: &[u8]) -> Option<usize> {
    let blank = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(blank + 4)
}

/// Whether nothing more will come. An answer that does not tell its length ends with the connection.
fn is_whole(answer: &[u8]) -> bool {
    head_end(answer).is_some_and(|end| {
        content_length(&String::from_utf8_lossy(&answer[..end]))
            .is_some_and(|length| answer.len() >= end + length)
    })
}

/// The body of a whole 2xx answer. The answer must be as long as it says: a connection that closed too
/// early looks like the end of the body otherwise.
fn body(answer: Vec<u8>) -> Result<Vec<u8>, ProbeFailure> {
    let head_end = head_end(&answer);
    let head = String::from_utf8_lossy(&answer[..head_end.unwrap_or(answer.len())]).into_owned();
    let status = head.lines().next().unwrap_or_default();
    let Some(head_end) = head_end else {
        return Err(ProbeFailure::Broken {
            detail: format!("closed after {} bytes", answer.len()),
        });
    };
    if !(status.starts_with("HTTP/1.1 2") || status.starts_with("HTTP/1.0 2")) {
        return Err(ProbeFailure::Status {
            status: status.to_owned(),
        });
    }
    let body = answer[head_end..].to_vec();
    match content_length(&head) {
        Some(length) if length != body.len() => Err(ProbeFailure::Broken {
            detail: format!("closed after {} of {length} bytes", body.len()),
        }),
        Some(_) | None => Ok(body),
    }
}

fn content_length(head: &str) -> Option<usize> {
    // "No Content" has neither a body nor a length.
    if head.split(' ').nth(1) == Some("204") {
        return Some(0);
    }
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_gives_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n".to_vec();
        assert_eq!(body(answer), Ok(b"ok\n".to_vec()));
    }

    #[test]
    fn an_answer_is_whole_when_it_is_as_long_as_it_says() {
        for whole in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"[..],
            b"HTTP/1.1 204 No Content\r\n\r\n",
        ] {
            assert!(is_whole(whole), "{whole:?}");
            assert!(!is_whole(&whole[..whole.len() - 1]), "{whole:?}");
        }
    }

    #[test]
    fn cut_and_wrong_answers_are_told_apart() {
        for cut in [
            &b""[..],
            b"HTTP/1.1 200",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        ] {
            assert!(
                matches!(body(cut.to_vec()), Err(ProbeFailure::Broken { .. })),
                "{cut:?}"
            );
        }
        let refused = body(b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec());
        assert_eq!(
            refused,
            Err(ProbeFailure::Status {
                status: "HTTP/1.1 503 Service Unavailable".to_owned()
            })
        );
    }

    #[tokio::test]
    async fn the_client_closes_first() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let get = HttpGet::prepare("GET", &url).await.unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            assert!(stream.read(&mut asked).await.unwrap() > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
                .await
                .unwrap();
            // Ends with the client's close, and never before.
            stream.read(&mut asked).await.unwrap()
        });
        let limit = std::time::Duration::from_secs(10);
        let answer = tokio::time::timeout(limit, get.send()).await.unwrap();
        assert_eq!(answer, Ok(b"ok\n".to_vec()));
        assert_eq!(tokio::time::timeout(limit, server).await.unwrap().unwrap(), 0);
    }

    #[tokio::test]
    async fn a_url_that_cannot_be_asked_is_refused() {
        let url = Url::parse("https://127.0.0.1/").unwrap();
        assert!(HttpGet::prepare("GET", &url).await.is_err());
    }
}
