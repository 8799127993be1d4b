//! By way of which proxy the API server is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::connection::stub;
use crate::stub::err;

/// A proxy that leads every tunnel to one address, whatever it was asked for.
fn proxy(to: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tunnels = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&tunnels);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (to, counted) = (to.clone(), Arc::clone(&counted));
            std::thread::spawn(move || tunnel(stream, &to, &counted));
        }
    });
    (address, tunnels)
}

fn tunnel(mut client: TcpStream, to: &str, counted: &AtomicUsize) {
    let mut lines = BufReader::new(client.try_clone().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let mut line = first.clone();
    while !line.trim().is_empty() {
        line.clear();
        lines.read_line(&mut line).unwrap();
    }
    assert!(first.starts_with("CONNECT kube.invalid:6443 "), "{first}");
    counted.fetch_add(1, Ordering::SeqCst);
    let server = TcpStream::connect(to).unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    joined(client, server);
}

/// What one says the other hears.
fn joined(mut client: TcpStream, mut server: TcpStream) {
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server).is_ok());
    drop(std::io::copy(&mut server, &mut client));
}

#[test]
fn an_api_server_behind_the_proxy_of_the_kubeconfig_is_reached() {
    let stub = stub();
    let (proxy, tunnels) = proxy(stub.address.clone());
    stub.has_config(
        "kube.invalid:6443",
        &format!(", proxy-url: 'http://{proxy}'"),
        "{}",
    );
    let output = stub.runs(&["list", "-o", "name"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
    assert_eq!(stub.asked().len(), 1);
}

/// A SOCKS 5 proxy (RFC 1928) without a login, which leads every connection to one address.
fn socks(to: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tunnels = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&tunnels);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut greeting = [0; 2];
            client.read_exact(&mut greeting).unwrap();
            client.read_exact(&mut vec![0; usize::from(greeting[1])]).unwrap();
            client.write_all(&[5, 0]).unwrap();
            let mut asked = [0; 5];
            client.read_exact(&mut asked).unwrap();
            assert_eq!(
                asked[..4],
                [5, 1, 0, 3],
                "a name is asked for, and the proxy finds it"
            );
            let mut name = vec![0; usize::from(asked[4]) + 2];
            client.read_exact(&mut name).unwrap();
            assert!(name.starts_with(b"kube.invalid"), "{name:?}");
            client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let server = TcpStream::connect(&to).unwrap();
            std::thread::spawn(move || joined(client, server));
        }
    });
    (address, tunnels)
}

#[test]
fn an_api_server_behind_a_socks_proxy_is_reached() {
    let stub = stub();
    let (proxy, tunnels) = socks(stub.address.clone());
    stub.has_config(
        "kube.invalid:6443",
        &format!(", proxy-url: 'socks5://{proxy}'"),
        "{}",
    );
    let output = stub.runs(&["list", "-o", "name"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
}

#[test]
fn the_proxy_of_the_environment_counts_unless_the_server_is_excepted() {
    let stub = stub();
    let (proxy, tunnels) = proxy(stub.address.clone());
    stub.has_config("kube.invalid:6443", "", "{}");
    let with_proxy = || {
        let mut program = stub.program(&["list", "-o", "name"]);
        program.env("HTTP_PROXY", format!("http://{proxy}"));
        program
    };
    let output = with_proxy().output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
    // An empty part at the end is usual.
    let output = with_proxy()
        .env("NO_PROXY", "10.0.0.0/8, example.org,")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 2);
    let output = with_proxy().env("NO_PROXY", "invalid").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("cannot reach http://kube.invalid:6443"),
        "{}",
        err(&output)
    );
    assert_eq!(tunnels.load(Ordering::SeqCst), 2);
}

#[test]
fn whom_to_act_as_is_told_by_way_of_a_proxy_as_well() {
    let stub = stub();
    let (proxy, tunnels) = proxy(stub.address.clone());
    stub.has_config(
        "kube.invalid:6443",
        &format!(", proxy-url: 'http://{proxy}'"),
        "{}",
    );
    let output = stub.runs(&["list", "-o", "name", "--as", "anna", "--as-group", "ops"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
    for asked in stub.asked() {
        assert_eq!(asked.header("impersonate-user"), ["anna"], "{}", asked.path);
        assert_eq!(asked.header("impersonate-group"), ["ops"], "{}", asked.path);
    }
}
