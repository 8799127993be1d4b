//! A hold over TLS, by the authority that the Secret names and no other.

use std::sync::Arc;

use rcgen::{CertificateParams, IsCa, KeyPair};
use rustls::ServerConfig;
use shadow_controller::broker::{Broker, BrokerAddress, BrokerError, HoldState};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::scene::{PATIENCE, Scene, address};

/// Takes TLS off what goes to the broker. Returns its port and the authority to believe.
async fn unwrapping_proxy() -> (u16, String) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::ExplicitNoCa;
    let certificate = params.self_signed(&key).unwrap();
    let chain = vec![certificate.der().clone()];
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let broker = Url::parse(&address().uri).unwrap().port().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut broker = TcpStream::connect(("127.0.0.1", broker)).await.unwrap();
                if let Ok(mut client) = acceptor.accept(client).await {
                    // How it ends is for the two ends to say.
                    tokio::io::copy_bidirectional(&mut client, &mut broker).await.ok();
                }
            });
        }
    });
    (port, certificate.pem())
}

fn over_tls(port: u16, ca: Option<String>) -> BrokerAddress {
    let user = Url::parse(&address().uri).unwrap();
    BrokerAddress {
        uri: format!(
            "amqps://{}:{}@127.0.0.1:{port}/%2F",
            user.username(),
            user.password().unwrap()
        ),
        management_uri: None,
        ca,
    }
}

#[tokio::test]
async fn a_queue_is_held_over_tls() {
    let scene = Scene::new().await;
    let (port, ca) = unwrapping_proxy().await;
    let broker = Broker::connect(&over_tls(port, Some(ca)), &crate::guard::here())
        .await
        .unwrap();
    let hold = broker.hold_single_active(&scene.queue).await.unwrap();
    assert_eq!(hold.settled_within(PATIENCE).await, HoldState::Active);
    hold.release().await.unwrap();

    let stranger = Broker::connect(&over_tls(port, None), &crate::guard::here())
        .await
        .unwrap_err();
    assert!(matches!(stranger, BrokerError::Tls { .. }), "{stranger}");
}
