//! What another process answers over HTTP, read to a limit: a peer that is not what it should be must not fill our memory.
//!
//! The client library's own `json`, `text` and `bytes` read to the end, whenever that is; `clippy.toml` refuses them.

use reqwest::Response;

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub enum CappedError {
    /// More bytes than the caller takes.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// The connection broke, or it took too long.
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
}

/// The body of an answer, at most `most` bytes; of a longer one no more than that is held.
pub async fn capped(mut answer: Response, most: usize) -> Result<Vec<u8>, CappedError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > most {
            return Err(CappedError::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(length: usize, most: usize) -> Result<Vec<u8>, CappedError> {
        let answer = axum::http::Response::new(vec![7; length]);
        capped(answer.into(), most).await
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_limit_and_not_beyond() {
        assert_eq!(read(10, 10).await.unwrap(), vec![7; 10]);
        assert!(matches!(read(11, 10).await, Err(CappedError::TooLong(10))));
    }
}
