//! What nobody reads is put back where it came from.

use shadow_controller::broker::QueueSeen;
use shadow_controller::broker::port::{Port, PortState};

use super::application::{Application, Settings};
use super::feeding::Feeding;
use super::ledger::{assert_exact, of, served_to_the_end};
use super::load::Load;
use super::scene::{Scene, until};

const PUBLISHERS: u32 = 3;
const RATE: u32 = 100;
const SOME: usize = 60;
/// More than one transaction.
const WAITING: u64 = 150;

/// The application serves on and is never told anything.
#[tokio::test]
async fn a_backlog_that_is_put_back_under_load_is_neither_lost_nor_doubled_and_keeps_its_order() {
    let scene = Scene::classic().await;
    let (broker, primary) = (&scene.broker, scene.primary());
    let backlog = format!("ms2m.backlog.{}", scene.tag);
    let feeding = Feeding::topic(&scene);
    feeding.declare(&primary).await;
    let port = Port::of(&primary);
    let application = Application::start(Settings::of(&scene)).await;
    let load = Load::start(&feeding, PUBLISHERS, 0, RATE);
    application.has_applied(SOME).await;
    broker
        .declare_branch(&backlog, &scene.facts().await)
        .await
        .unwrap();
    broker.adopt(&port).await.unwrap();
    broker.branch(&port, &backlog).await.unwrap();
    assert_eq!(broker.fence(&port).await.unwrap().strays, []);
    until("enough waits behind the fence", || async {
        let seen = broker.queue(&backlog).await.unwrap();
        matches!(seen, QueueSeen::Present { ready, .. } if ready > WAITING).then_some(())
    })
    .await;

    let poured = broker.pour_back(&port, &backlog).await.unwrap();
    assert!(poured.messages > WAITING, "{poured:?}");
    assert_eq!(poured.turned.strays, []);
    let again = broker.pour_back(&port, &backlog).await.unwrap();
    assert_eq!(again.messages, 0, "poured behind newer messages unasked");
    let late = broker.pour_rest(&port, &backlog).await.unwrap();
    assert_eq!(broker.port_state(&port).await.unwrap(), PortState::Adopted);
    broker.unbranch(&port, &backlog).await.unwrap();
    broker.give_back(&port).await.unwrap();
    let sent = load.stop().await;
    served_to_the_end(|| application.applied(), &sent).await;
    let memory = application.kill().await;
    eprintln!("put back {}, and {late} after the flip", poured.messages);
    if late == 0 {
        assert_exact(&memory, &sent);
    }
    for (publisher, count) in (0..).zip(&sent) {
        let mut applied = of(publisher, &memory.applied);
        applied.sort_unstable();
        let wanted: Vec<u64> = (0..*count).collect();
        assert_eq!(applied, wanted, "publisher {publisher}: lost or doubled");
    }
}
