//! Tables: who is dialled, who is not, and in which words.

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        api_server: vec![address("10.96.0.1")],
        nodes: vec![address("10.100.0.11"), address("fd00:100::11")],
        ..Rules::of(Peer::Broker)
    }
}

fn allowed(rules: &Rules, host: &str, to: &str) -> Result<(), String> {
    rules
        .judge(host, 5672, address(to))
        .map_err(|refusal| refusal.to_string())
}

#[test]
fn the_clusters_own_addresses_are_refused_and_its_services_are_not() {
    for (to, why) in [
        ("10.96.0.1", "the API server's"),
        ("64:ff9b::10.96.0.1", "the API server's"),
        ("10.100.0.11", "a node's"),
        ("::ffff:10.100.0.11", "a node's"),
        ("fd00:100::11", "a node's"),
        ("169.254.169.254", "credentials"),
        ("127.0.0.1", "our own pod"),
    ] {
        let told = allowed(&rules(), "mq.shop", to).unwrap_err();
        assert!(
            told.contains(why) && told.contains("mq.shop") && told.contains(&address(to).to_string()),
            "{told}"
        );
    }
    for to in ["10.96.0.2", "10.100.0.12", "10.244.0.9", "93.184.216.34"] {
        assert_eq!(allowed(&rules(), "mq.shop", to), Ok(()), "{to}");
    }
}

#[test]
fn an_operator_allows_a_node_or_loopback_and_never_a_metadata_service() {
    let rules = Rules {
        exempt: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
        ..rules()
    };
    for to in ["127.0.0.1", "::1", "169.254.20.10", "10.96.0.1", "10.100.0.11"] {
        assert_eq!(allowed(&rules, "mq.shop", to), Ok(()), "{to}");
    }
    for to in [
        "169.254.169.254",
        "fd00:ec2::254",
        "64:ff9b::169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
    ] {
        let told = allowed(&rules, "mq.shop", to).unwrap_err();
        assert!(!told.contains("--allow-address"), "no option helps: {told}");
    }
}

#[test]
fn with_a_list_only_what_is_on_it_is_dialled() {
    let rules = Rules {
        only: vec!["*.mq.svc".parse().unwrap(), "10.7.0.0/16".parse().unwrap()],
        ..rules()
    };
    assert_eq!(allowed(&rules, "a.mq.svc", "10.1.1.1"), Ok(()));
    assert_eq!(allowed(&rules, "other", "10.7.1.1"), Ok(()));
    let told = allowed(&rules, "other", "10.8.1.1").unwrap_err();
    assert!(
        told.contains("only *.mq.svc, 10.7.0.0/16") && told.contains("--allow-broker other:5672"),
        "{told}"
    );
    // A list names whom to dial, and lets nobody in that has no business there.
    assert!(allowed(&rules, "a.mq.svc", "10.100.0.11").is_err());
    assert!(allowed(&rules, "a.mq.svc", "127.0.0.1").is_err());
}

#[test]
fn a_host_is_judged_as_it_is_written_where_that_is_enough() {
    let listed = |only: &[&str]| Rules {
        only: only.iter().map(|one| one.parse().unwrap()).collect(),
        ..rules()
    };
    for (only, host, allowed) in [
        (&[][..], "mq.shop", true),
        (&[], "10.96.0.9", true),
        (&[], "127.0.0.1", false),
        (&[], "[::1]", false),
        (&[], "[::ffff:169.254.169.254]", false),
        (&["mq.shop"], "mq.shop", true),
        (&["mq.shop"], "mq.other", false),
        (&["mq.shop"], "10.96.0.9", false),
        // Its addresses decide.
        (&["10.7.0.0/16"], "mq.other", true),
        (&["10.7.0.0/16"], "10.7.0.1", true),
        (&["10.7.0.0/16"], "10.8.0.1", false),
    ] {
        assert_eq!(
            listed(only).judge_host(host, 5672).is_ok(),
            allowed,
            "{only:?} {host}"
        );
    }
}

#[test]
fn a_literal_is_not_said_to_resolve() {
    for (host, said) in [
        ("127.0.0.1", "its address is 127.0.0.1"),
        ("[::1]", "its address is ::1"),
    ] {
        let told = rules().judge_host(host, 5672).unwrap_err().to_string();
        assert!(told.contains(said) && told.contains("--allow-address"), "{told}");
    }
}

#[test]
fn plain_channels_are_refused_where_tls_is_required() {
    assert!(rules().judge_plain(Transport::Amqp, "mq:5672").is_ok());
    let strict = Rules {
        require_tls: true,
        ..rules()
    };
    for (transport, instead) in [
        (Transport::Amqp, "amqps://"),
        (Transport::Management, "https://"),
        (Transport::Registry, "https://"),
    ] {
        let told = strict.judge_plain(transport, "mq:5672").unwrap_err().to_string();
        assert!(told.contains(instead) && told.contains("--require-tls"), "{told}");
    }
}
