//! What counts as parked, and what does not.

use std::time::{Duration, Instant};

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use shadow_controller::broker::{BrokerError, ControlMessage, QueueKind};
use shadow_core::machine::QueueSeen;

use super::application::{Application, Manner, Settings};
use super::publishers::publish;
use super::scene::{Look, Scene, arguments, connection};

async fn send_start(scene: &Scene, attempt: u32) {
    let start = ControlMessage::StartReplay {
        queue: scene.hold(attempt),
    };
    scene.broker.send_control(&scene.pod(), start).await.unwrap();
}

#[tokio::test]
async fn all_that_was_given_out_at_prefetch_50_is_acknowledged_before_the_park_is_proven() {
    for kind in [QueueKind::Classic, QueueKind::Quorum] {
        let scene = Scene::new(kind).await;
        publish(&scene.primary(), 0, 0, 300).await;
        let slow = Settings {
            work: Duration::from_millis(3),
            ..Settings::of(&scene)
        };
        let application = Application::start(slow).await;
        application.has_applied(20).await;

        scene.declare_hold(0).await;
        send_start(&scene, 0).await;
        let look = scene.parked(0).await;
        let waiting = look.primary.ready().unwrap();

        let applied = application.checkpoint().applied;
        let wanted: Vec<_> = (0..300 - waiting).map(|seq| (0, seq)).collect();
        assert_eq!(applied, wanted, "applied in order, and {waiting} wait");
        assert!(waiting > 0, "the backlog was worked off, which proves nothing");
        let counted = (scene.kind == QueueKind::Classic).then_some(0);
        let primary = QueueSeen::Present {
            ready: waiting,
            consumers: 0,
            unacked: counted,
        };
        assert_eq!(look.primary, primary, "classic queues are counted");
    }
}

#[tokio::test]
async fn a_consumer_that_cancelled_and_still_holds_messages_is_not_parked() {
    for kind in [QueueKind::Classic, QueueKind::Quorum] {
        let scene = Scene::new(kind).await;
        publish(&scene.primary(), 0, 0, 10).await;
        let clinging = Settings {
            manner: Manner::Clinging,
            prefetch: 4,
            ..Settings::of(&scene)
        };
        let application = Application::start(clinging).await;
        scene.declare_hold(0).await;
        send_start(&scene, 0).await;
        scene.consumers_become(&scene.hold(0), 1).await;
        // A classic queue forgets the consumer at its cancellation, a quorum queue when it has settled everything.
        let like = match scene.kind {
            QueueKind::Classic => QueueSeen::Present {
                ready: 6,
                consumers: 0,
                unacked: Some(4),
            },
            QueueKind::Quorum | QueueKind::Other(_) => QueueSeen::Present {
                ready: 6,
                consumers: 1,
                unacked: None,
            },
        };
        scene
            .not_parked(0, "four messages are held", |look| look.primary == like)
            .await;
        application.let_go();
        assert_eq!(scene.parked(0).await.primary.ready(), Some(6));
    }
}

#[tokio::test]
async fn an_application_that_ignores_control_messages_is_told_from_one_that_is_busy() {
    let scene = Scene::classic().await;
    scene.declare_hold(0).await;
    let deaf = Application::start(Settings {
        manner: Manner::Deaf,
        ..Settings::of(&scene)
    })
    .await;
    send_start(&scene, 0).await;
    let unread = |look: &Look| look.unread == 1 && look.consumers() == (0, 1);
    scene
        .not_parked(0, "the control message is not read", unread)
        .await;
    deaf.kill().await;

    let scene = Scene::classic().await;
    scene.declare_hold(0).await;
    publish(&scene.primary(), 0, 0, 50).await;
    let slow = Settings {
        work: Duration::from_millis(20),
        ..Settings::of(&scene)
    };
    let busy = Application::start(slow).await;
    busy.has_applied(1).await;
    send_start(&scene, 0).await;
    let read = |look: &Look| look.unread == 0 && look.hold.consumers() == Some(0);
    scene
        .not_parked(0, "the control message is read and the work not finished", read)
        .await;
    scene.parked(0).await;
}

#[tokio::test]
async fn an_unexpected_consumer_is_seen_before_the_move_and_prevents_the_proof() {
    let scene = Scene::classic().await;
    let _expected = Application::start(Settings::of(&scene)).await;
    assert_eq!(scene.facts().await.consumer_count, 1);
    let left_over = Settings {
        pod: format!("{}-forgotten", scene.pod()),
        prefetch: 7,
        ..Settings::of(&scene)
    };
    let left_over = Application::start(left_over).await;

    assert_eq!(scene.facts().await.consumer_count, 2, "at once");
    let described = scene
        .broker
        .describe_with_consumers(&scene.primary())
        .await
        .unwrap();
    let consumers = described.unwrap().consumers;
    assert_eq!(consumers.len(), 2, "{consumers:?}");
    let stranger = consumers.iter().find(|c| c.prefetch == 7).unwrap();
    assert!(
        stranger.manual_ack && stranger.active && !stranger.exclusive,
        "{stranger:?}"
    );

    scene.declare_hold(0).await;
    send_start(&scene, 0).await;
    scene
        .not_parked(0, "a stranger consumes", |look| look.consumers() == (1, 1))
        .await;
    left_over.kill().await;
    scene.parked(0).await;
}

#[tokio::test]
async fn a_source_that_starts_again_while_parked_breaks_the_hold() {
    let scene = Scene::classic().await;
    let source = Application::start(Settings::of(&scene)).await;
    scene.declare_hold(0).await;
    send_start(&scene, 0).await;
    scene.parked(0).await;
    source.kill().await;
    let _again = Application::start(Settings::of(&scene)).await;
    scene
        .not_parked(0, "it consumes the primary queue again", |look| {
            look.consumers() == (0, 1)
        })
        .await;
}

#[tokio::test]
async fn a_hold_queue_with_two_consumers_proves_no_park() {
    let scene = Scene::classic().await;
    let source = Application::start(Settings::of(&scene)).await;
    scene.declare_hold(0).await;
    send_start(&scene, 0).await;
    scene.parked(0).await;
    let copy = Settings {
        pod: format!("{}-shadow", scene.pod()),
        ..Settings::of(&scene)
    };
    let _copy = Application::restore(copy, source.checkpoint()).await;
    scene
        .not_parked(0, "the copy is connected", |look| look.consumers() == (2, 0))
        .await;
}

#[tokio::test]
async fn an_abandon_releases_a_parked_source_at_once() {
    let scene = Scene::classic().await;
    let source = Application::start(Settings::of(&scene)).await;
    scene.declare_hold(0).await;
    send_start(&scene, 0).await;
    scene.parked(0).await;
    publish(&scene.primary(), 0, 0, 10).await;
    let asked = Instant::now();
    scene
        .broker
        .send_control(&scene.pod(), ControlMessage::EndReplay)
        .await
        .unwrap();
    source.has_applied(10).await;
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "took {:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn the_hold_queue_can_be_declared_again_by_the_application_whatever_its_arguments() {
    for kind in [QueueKind::Classic, QueueKind::Quorum] {
        let scene = Scene::new(kind).await;
        let hold = scene.declare_hold(0).await;
        // Fails with PRECONDITION_FAILED when anything differs.
        scene.declare(&hold).await;
        scene.declare_hold(0).await;
        assert_eq!(
            scene.broker.describe(&hold).await.unwrap().unwrap().kind,
            scene.kind
        );
    }
    let mut priorities = FieldTable::default();
    priorities.insert("x-max-priority".into(), AMQPValue::LongInt(5));
    let mut quorum = arguments(&QueueKind::Quorum);
    quorum.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    quorum.insert("x-delivery-limit".into(), AMQPValue::ShortInt(7));
    for table in [priorities, quorum] {
        let scene = Scene::classic().await;
        let connection = connection().await;
        let channel = connection.create_channel().await.unwrap();
        let odd = format!("{}.odd", scene.primary());
        let durable = QueueDeclareOptions::durable();
        channel
            .queue_declare(odd.as_str().into(), durable, table.clone())
            .await
            .unwrap();
        let facts = scene.broker.describe(&odd).await.unwrap().unwrap();
        scene
            .broker
            .declare_hold_queue(&scene.hold(0), &facts)
            .await
            .unwrap();
        channel
            .queue_declare(scene.hold(0).into(), durable, table)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused_and_nothing_is_declared() {
    let scene = Scene::classic().await;
    let connection = connection().await;
    let channel = connection.create_channel().await.unwrap();
    let mut stream = FieldTable::default();
    stream.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    let name = format!("{}.stream", scene.primary());
    channel
        .queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), stream)
        .await
        .unwrap();
    let facts = scene.broker.describe(&name).await.unwrap().unwrap();
    let refused = scene
        .broker
        .declare_hold_queue(&scene.hold(0), &facts)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, BrokerError::CannotCopy { queue, .. } if *queue == name),
        "{refused}"
    );
    assert!(scene.is_absent(&scene.hold(0)).await);
}
