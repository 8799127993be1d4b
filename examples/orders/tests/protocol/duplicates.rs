//! What was applied but not acknowledged comes again, is applied again, and is counted.

use std::time::Duration;

use orders::order::Message;

use crate::broker::eventually;
use crate::stage::Stage;

/// The acknowledgements of some messages are lost on the way, then the connection ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_is_a_duplicate_and_no_loss() {
    let mut stage = Stage::set().await;
    stage.settings.work = Duration::from_millis(5);
    stage.publish(300).await;
    let running = stage.start().await;
    running.has_applied(40).await;
    stage.proxy.lose_to_broker(true);
    let before = running.applied();
    running.has_applied(before + 10).await;
    stage.proxy.lose_to_broker(false);
    stage.proxy.cut();
    eventually("all is worked off", async || {
        running.generation() == 2
            && running
                .state()
                .publishers
                .values()
                .all(|p| p.position.last == 150)
    })
    .await;
    let state = running.stop().await;
    assert!(
        (9..=30).contains(&state.duplicates),
        "{} duplicates",
        state.duplicates
    );
    assert_eq!(
        (state.missing, state.late, state.applied),
        (0, 0, 300 + state.duplicates)
    );
    stage.strike(&[]).await;
}

/// The broker is given a message twice, and one too late: the consumer applies both as they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_hidden_by_removing_duplicates_or_sorting() {
    let stage = Stage::set().await;
    let running = stage.start().await;
    for seq in [1, 2, 2, 4, 3] {
        stage
            .send(
                &stage.exchange,
                &stage.pod,
                &Message::numbered("p", seq).encode(0).unwrap(),
            )
            .await;
    }
    running.has_applied(5).await;
    let state = running.stop().await;
    assert_eq!(
        (state.duplicates, state.late, state.gaps, state.missing),
        (1, 1, 1, 0)
    );
    stage.strike(&[]).await;
}
