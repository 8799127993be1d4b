//! A broker that says what it is told to say, whatever it is asked.

use shadow_controller::broker::BrokerAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Frame of a method on channel 0.
pub(crate) fn method(class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    let mut payload = class.to_be_bytes().to_vec();
    payload.extend(method.to_be_bytes());
    payload.extend(arguments);
    let mut bytes = vec![1, 0, 0];
    bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.append(&mut payload);
    bytes.push(0xce);
    bytes
}

/// The first words of a broker, with these properties.
pub(crate) fn start(properties: &[u8]) -> Vec<u8> {
    let mut arguments = vec![0, 9];
    arguments.extend(properties);
    for text in [&b"PLAIN"[..], b"en_US"] {
        arguments.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        arguments.extend(text);
    }
    method(10, 10, &arguments)
}

/// What a broker allows: no limit of channels, these bytes for a frame, no heartbeat.
pub(crate) fn tune(frame_max: u32) -> Vec<u8> {
    let mut arguments = vec![0, 0];
    arguments.extend(frame_max.to_be_bytes());
    arguments.extend([0, 0]);
    method(10, 30, &arguments)
}

/// `depth` tables in one another.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0];
    for _ in 1..depth {
        let mut outer = vec![1, b'a', b'F'];
        outer.append(&mut bytes);
        bytes = u32::try_from(outer.len()).unwrap().to_be_bytes().to_vec();
        bytes.append(&mut outer);
    }
    bytes
}

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
