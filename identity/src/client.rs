//! HTTP client for a part that is dialled by address and identified by name.

use std::net::SocketAddr;
use std::time::Duration;

use crate::{Identity, IdentityError};

/// How long a node's agent may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an unused connection is kept: longer than the wait between two steps of one migration.
const IDLE: Duration = Duration::from_secs(60);

impl Identity {
    /// A client that dials `addr` and talks only to the part called `expected_name`. Keep it: it holds the open
    /// connections. Ask it for [`peer_url`]s.
    pub fn http_client(
        &self,
        expected_name: &str,
        addr: SocketAddr,
    ) -> Result<reqwest::Client, IdentityError> {
        let tls = rustls::ClientConfig::clone(&*self.client_config(expected_name)?);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .resolve(expected_name, addr)
            .no_proxy()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(CONNECT)
            .tcp_keepalive(Duration::from_secs(10))
            .pool_idle_timeout(IDLE)
            .build()?;
        Ok(client)
    }
}

/// URL under which a client from [`Identity::http_client`] reaches `path` of its part. The port must stand in the
/// URL, since only the address is overridden.
pub fn peer_url(expected_name: &str, addr: SocketAddr, path: &str) -> String {
    format!(
        "https://{expected_name}:{}/{}",
        addr.port(),
        path.trim_start_matches('/')
    )
}
