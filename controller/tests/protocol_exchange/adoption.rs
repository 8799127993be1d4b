//! Adopting and giving back under load: the application does not notice.

use shadow_controller::broker::port::{Port, PortState, Route};

use super::application::{Application, Settings};
use super::feeding::Feeding;
use super::ledger::{assert_exact, served_to_the_end};
use super::load::Load;
use super::scene::Scene;

const PUBLISHERS: u32 = 3;
/// Messages a second.
const RATE: u32 = 600;
const ROUNDS: usize = 3;
/// Enough to be in full swing.
const SOME: usize = 100;

fn sorted(mut routes: Vec<Route>) -> Vec<Route> {
    routes.sort_by_key(|route| {
        (
            route.exchange.clone(),
            route.routing_key.clone(),
            route.properties_key.clone(),
        )
    });
    routes
}

async fn is_adopted_and_given_back_unnoticed(of: impl Fn(&Scene) -> Feeding) {
    let scene = Scene::classic().await;
    let feeding = of(&scene);
    feeding.declare(&scene.primary()).await;
    let port = Port::of(&scene.primary());
    let before = scene.broker.topology(&port).await.unwrap();
    let exchanges = scene.broker.exchanges_of(&before).await.unwrap();
    scene.facts().await.can_be_adopted(&before, &exchanges).unwrap();
    let application = Application::start(Settings::of(&scene)).await;
    let load = Load::start(&feeding, PUBLISHERS, 0, RATE);
    for _ in 0..ROUNDS {
        application.has_applied(application.applied() + SOME).await;
        scene.broker.adopt(&port).await.unwrap();
        let adopted = scene.broker.topology(&port).await.unwrap();
        assert_eq!(adopted.state(), PortState::Adopted);
        assert_eq!(
            sorted(adopted.fed),
            sorted(before.direct.clone()),
            "copied exactly, types of numbers included"
        );
        application.has_applied(application.applied() + SOME).await;
        scene.broker.give_back(&port).await.unwrap();
        let after = scene.broker.topology(&port).await.unwrap();
        assert_eq!(after.state(), PortState::NotAdopted);
        assert_eq!(sorted(after.direct), sorted(before.direct.clone()));
    }
    application.has_applied(application.applied() + SOME).await;
    let sent = load.stop().await;
    served_to_the_end(|| application.applied(), &sent).await;
    assert_exact(&application.kill().await, &sent);
}

#[tokio::test]
async fn a_fanout_exchange_and_its_queue_do_not_notice() {
    is_adopted_and_given_back_unnoticed(Feeding::fanout).await;
}

#[tokio::test]
async fn a_direct_exchange_and_its_queue_do_not_notice() {
    is_adopted_and_given_back_unnoticed(Feeding::direct).await;
}

#[tokio::test]
async fn a_topic_exchange_with_overlapping_patterns_and_its_queue_do_not_notice() {
    is_adopted_and_given_back_unnoticed(Feeding::topic).await;
}

#[tokio::test]
async fn a_headers_exchange_with_numbers_of_several_types_and_its_queue_do_not_notice() {
    is_adopted_and_given_back_unnoticed(Feeding::headers).await;
}

#[tokio::test]
async fn several_exchanges_of_all_types_and_their_queue_do_not_notice() {
    is_adopted_and_given_back_unnoticed(Feeding::several).await;
}
