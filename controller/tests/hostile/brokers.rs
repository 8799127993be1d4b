//! AMQP 0-9-1: sizes that a broker sets, tables that it nests, logins that it never ends, and many of them.

use std::fs;
use std::time::Instant;

use shadow_controller::broker::{Broker, BrokerAddress, Origin};
use shadow_controller::brokers::Brokers;

use super::memory::{peak, resident};
use super::stub::broker;
use super::words::{method, nested, start, tune};

const MB: u64 = 1 << 20;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `cargo xtask broker run -- cargo test -p shadow-controller`")
    })
}

fn rabbitmq() -> String {
    variable("SHADOW_TEST_AMQP_URI")
}

/// One with `frame_max = 0`.
fn unlimited() -> BrokerAddress {
    BrokerAddress {
        uri: variable("SHADOW_TEST_UNLIMITED_AMQP_URI"),
        ..BrokerAddress::default()
    }
}

/// Of this process that belong to the client library.
fn threads() -> usize {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.starts_with("lapin"))
        .count()
}

async fn threads_end(most: usize) {
    let begun = Instant::now();
    while threads() > most {
        assert!(begun.elapsed().as_secs() < 20, "{} threads stay", threads());
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_broker_decides_how_much_memory_a_connection_takes() {
    for frame_max in [u32::MAX, 16 << 20, 0] {
        let opened = method(10, 41, &[0]);
        let address = broker(vec![start(&nested(1)), tune(frame_max), opened]).await;
        // It opens no channel, so this ends with an error; until then there is a connection.
        let refused = Broker::connect(&address, &crate::guard::here())
            .await
            .unwrap_err();
        assert!(peak() < 50 * MB, "{frame_max}: {} MB", peak() / MB);
        drop(refused);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_broker_without_a_limit_of_frames_is_served_in_little_memory() {
    let connected = Broker::connect(&unlimited(), &crate::guard::here())
        .await
        .unwrap();
    assert!(connected.queue("no-such-queue").await.is_ok());
    assert!(peak() < 50 * MB, "{} MB", peak() / MB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_at_a_broker_without_a_limit_of_frames_is_refused_with_the_way_out() {
    let connected = Broker::connect(&unlimited(), &crate::guard::here())
        .await
        .unwrap();
    let refused = connected.rehearse_hold("any").await.unwrap_err().to_string();
    assert!(refused.contains("Set frame_max = 131072"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_tables_before_the_login_are_refused() {
    let address = broker(vec![start(&nested(15_000))]).await;
    let refused = Broker::connect(&address, &crate::guard::here())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("nested more than 64 levels deep"), "{refused}");
    threads_end(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_never_answers_leaves_no_thread_behind() {
    let silent = broker(Vec::new()).await;
    let without_end = broker(vec![start(&nested(1)), tune(0)]).await;
    for address in [silent, without_end] {
        let refused = Broker::connect(&address, &crate::guard::here())
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("no answer within 3 s"), "{refused}");
    }
    threads_end(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_addresses_of_brokers_take_less_than_64_mb() {
    let (brokers, uri) = (Brokers::new(crate::guard::here()), rabbitmq());
    let before = resident();
    for n in 0..100 {
        let address = BrokerAddress {
            uri: format!("{uri}?n={n}"),
            ..BrokerAddress::default()
        };
        brokers.at(address, Origin::Url).await.unwrap();
    }
    let taken = resident().saturating_sub(before);
    assert!(taken < 64 * MB, "{} MB", taken / MB);
    threads_end(16).await;
}
