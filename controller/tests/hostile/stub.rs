//! A broker that says what it is told to say, whatever it is asked.

use shadow_controller::broker::BrokerAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves each connection with these words: the next one whenever something was read.
pub(crate) async fn broker(words: Vec<Vec<u8>>) -> BrokerAddress {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(say(stream, words.clone()));
        }
    });
    BrokerAddress {
        uri: format!("amqp://a:b@127.0.0.1:{port}/"),
        ..BrokerAddress::default()
    }
}

async fn say(mut stream: TcpStream, words: Vec<Vec<u8>>) {
    let mut read = [0; 4_096];
    for word in words {
        if !matches!(stream.read(&mut read).await, Ok(1..)) || stream.write_all(&word).await.is_err() {
            return;
        }
    }
    // The other side ends it.
    while matches!(stream.read(&mut read).await, Ok(1..)) {}
}
