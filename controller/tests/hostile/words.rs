//! What a broker can say in AMQP 0-9-1 before any login, byte by byte. No client library writes such words.
//!
//! The scenario on the cluster says the same (`xtask/e2e/src/hostile`).

/// Frame of a method on channel 0.
pub(crate) fn method(class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    let mut payload = class.to_be_bytes().to_vec();
    payload.extend(method.to_be_bytes());
    payload.extend(arguments);
    let mut bytes = vec![1, 0, 0];
    bytes.extend(length(payload.len()));
    bytes.append(&mut payload);
    bytes.push(0xce);
    bytes
}

/// The first words of a broker, with these properties.
pub(crate) fn start(properties: &[u8]) -> Vec<u8> {
    let mut arguments = vec![0, 9];
    arguments.extend(properties);
    for text in [&b"PLAIN"[..], b"en_US"] {
        arguments.extend(length(text.len()));
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
        bytes = length(outer.len()).to_vec();
        bytes.append(&mut outer);
    }
    bytes
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}
