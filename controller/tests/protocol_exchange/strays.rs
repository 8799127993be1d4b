//! Bindings that appear past the port, and unbinds that match nothing.

use shadow_controller::broker::BrokerError;
use shadow_controller::broker::port::{Change, Goal, Port, PortState, Topology, next_change};

use super::application::{Application, Settings};
use super::feeding::Feeding;
use super::ledger::{assert_exact, contents, of, served_to_the_end};
use super::load::Load;
use super::scene::{Scene, until};

const PUBLISHERS: u32 = 2;
const RATE: u32 = 300;
const SOME: usize = 100;

#[tokio::test]
async fn a_producer_that_binds_again_while_the_port_serves_doubles_nothing_and_is_taken_in() {
    let scene = Scene::classic().await;
    let feeding = Feeding::topic(&scene);
    feeding.declare(&scene.primary()).await;
    let port = Port::of(&scene.primary());
    let application = Application::start(Settings::of(&scene)).await;
    let load = Load::start(&feeding, PUBLISHERS, 0, RATE);
    scene.broker.adopt(&port).await.unwrap();
    for _ in 0..3 {
        feeding.declare(&scene.primary()).await;
        let state = scene.broker.port_state(&port).await.unwrap();
        assert!(
            matches!(&state, PortState::HalfAdopted { direct } if direct.len() == feeding.bindings.len()),
            "{state:?}"
        );
        application.has_applied(application.applied() + SOME).await;
        assert_eq!(scene.broker.take_in_strays(&port).await.unwrap().strays, []);
        assert_eq!(scene.broker.port_state(&port).await.unwrap(), PortState::Adopted);
    }
    scene.broker.give_back(&port).await.unwrap();
    let sent = load.stop().await;
    served_to_the_end(|| application.applied(), &sent).await;
    assert_exact(&application.kill().await, &sent);
}

#[tokio::test]
async fn a_producer_that_binds_again_behind_a_fence_is_found_reported_and_taken_in() {
    let scene = Scene::classic().await;
    let feeding = Feeding::topic(&scene);
    let (primary, backlog) = (scene.primary(), format!("ms2m.backlog.{}", scene.tag));
    feeding.declare(&primary).await;
    let port = Port::of(&primary);
    let broker = &scene.broker;
    broker
        .declare_branch(&backlog, &scene.facts().await)
        .await
        .unwrap();
    broker.adopt(&port).await.unwrap();
    broker.branch(&port, &backlog).await.unwrap();
    assert_eq!(broker.fence(&port).await.unwrap().strays, []);
    let load = Load::start(&feeding, PUBLISHERS, 0, RATE);

    feeding.declare(&primary).await;
    let state = broker.port_state(&port).await.unwrap();
    assert!(matches!(state, PortState::Breached { .. }), "{state:?}");
    until("messages come past the fence", || async {
        (scene.counts(&primary).await.0 > 20).then_some(())
    })
    .await;
    let turned = broker.take_in_strays(&port).await.unwrap();
    assert_eq!(turned.strays.len(), feeding.bindings.len());
    assert_eq!(broker.port_state(&port).await.unwrap(), PortState::Fenced);

    let sent = load.stop().await;
    let (past, behind) = (contents(&scene, &primary).await, contents(&scene, &backlog).await);
    for (publisher, count) in (0..).zip(sent) {
        let wanted: Vec<u64> = (0..count).collect();
        assert_eq!(
            of(publisher, &behind),
            wanted,
            "the backlog has everything, in order"
        );
        assert!(of(publisher, &past).iter().all(|seq| wanted.contains(seq)));
    }
    // Bound with what the port has, so all that came past the fence is in the backlog as well: this is what is reported.
    assert!(!past.is_empty());
}

#[tokio::test]
async fn an_unbind_that_matches_nothing_is_not_believed() {
    let scene = Scene::classic().await;
    let feeding = Feeding::direct(&scene);
    feeding.declare(&scene.primary()).await;
    let port = Port::of(&scene.primary());
    scene.broker.adopt(&port).await.unwrap();
    // Somebody binds the queue to its port once more, with a key that no unbind of ours names.
    let again = super::feeding::Binding {
        exchange: port.exchange.clone(),
        key: "again",
        arguments: super::feeding::fields(&[]),
    };
    let connection = super::scene::connection().await;
    again
        .bind(&connection.create_channel().await.unwrap(), &scene.primary())
        .await;
    let backlog = format!("ms2m.backlog.{}", scene.tag);
    let like = scene.facts().await;
    scene.broker.declare_branch(&backlog, &like).await.unwrap();
    scene.broker.branch(&port, &backlog).await.unwrap();
    let error = scene.broker.fence(&port).await.unwrap_err();
    assert!(matches!(error, BrokerError::NotInEffect { .. }), "{error}");
    assert!(
        error.to_string().contains("unbind the queue from its port"),
        "{error}"
    );
}

#[tokio::test]
async fn a_binding_left_by_who_died_between_two_types_of_number_is_cleared() {
    let scene = Scene::classic().await;
    let feeding = Feeding::headers(&scene);
    feeding.declare(&scene.primary()).await;
    let port = Port::of(&scene.primary());
    let before = scene.broker.topology(&port).await.unwrap();
    // As after such a death: exchanges and service stand, and one binding is there with a 32-bit 5 for a 64-bit one.
    for _ in 0..3 {
        scene.broker.port_step(&port, Goal::Adopt).await.unwrap();
    }
    let mistyped = super::feeding::fields(&[
        ("x-match", lapin::types::AMQPValue::LongString("all".into())),
        ("region", lapin::types::AMQPValue::LongString("eu".into())),
        ("level", lapin::types::AMQPValue::LongInt(5)),
    ]);
    let connection = super::scene::connection().await;
    let channel = connection.create_channel().await.unwrap();
    let (from, to) = (&feeding.bindings[0].exchange, &port.exchange);
    channel
        .exchange_bind(
            to.as_str().into(),
            from.as_str().into(),
            "".into(),
            lapin::options::ExchangeBindOptions::default(),
            mistyped,
        )
        .await
        .unwrap();
    let seen: Topology = scene.broker.topology(&port).await.unwrap();
    assert!(matches!(
        next_change(Goal::Adopt, &seen).unwrap(),
        Some(Change::Unfeed(_))
    ));
    scene.broker.adopt(&port).await.unwrap();
    let adopted = scene.broker.topology(&port).await.unwrap();
    assert_eq!(adopted.state(), PortState::Adopted);
    assert_eq!(adopted.fed.len(), before.direct.len());
    assert!(
        before
            .direct
            .iter()
            .all(|route| adopted.fed.iter().any(|fed| fed.same(route)))
    );
}
