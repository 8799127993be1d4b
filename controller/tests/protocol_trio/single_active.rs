//! A hold on a single-active queue whose leader changes, whose node dies, or whose node is on the minority side. What may never
//! be: a hold that is told as active while the application is served.

use std::time::{Duration, Instant};

use shadow_controller::broker::{Broker, HoldProof, HoldState, SingleActiveHold};
use shadow_core::api::Witness;

use super::application::Application;
use super::scene::{Cluster, Node, PATIENCE, led_by_another, publish, until};

/// For as long as this a hold is looked at that nothing should happen to.
const WATCHED: Duration = Duration::from_secs(3);

struct Held {
    cluster: Cluster,
    queue: String,
    broker: Broker,
    application: Application,
    hold: SingleActiveHold,
    witness: Witness,
}

impl Held {
    /// The queue is led by `leader`, held over `link`, and the application is at `served`. Ten messages wait.
    async fn begin(leader: Node, link: Node, served: Node) -> Self {
        let cluster = Cluster::whole().await;
        let queue = cluster.queue("single-active", leader).await;
        let application = Application::start(served, &queue);
        publish(leader, &queue, 0, 1).await;
        application.has_applied(&[0]).await;
        let broker = link.broker().await;
        let witness = witness(&broker, &queue).await;
        let hold = broker.hold_single_active(&queue).await.unwrap();
        assert_eq!(hold.settled_within(PATIENCE).await, HoldState::Active);
        publish(leader, &queue, 1, 10).await;
        let held = Self {
            cluster,
            queue,
            broker,
            application,
            hold,
            witness,
        };
        held.proven().await;
        held
    }

    async fn proven(&self) {
        until("the proof of the hold", || async {
            match self.broker.prove_settled(&self.hold, &self.witness).await {
                Ok(HoldProof::Proven(_)) => Some(()),
                Ok(HoldProof::NotYet(_)) | Err(_) => None,
                Ok(over @ (HoldProof::Lost(_) | HoldProof::Trapped(_))) => panic!("{over:?}"),
            }
        })
        .await;
    }

    fn is_served(&self) -> bool {
        self.application.applied().len() > 1
    }

    /// Nothing is given out while the hold is told as active.
    async fn nothing_is_served(&self) {
        let until = Instant::now() + WATCHED;
        while Instant::now() < until {
            assert_eq!(self.hold.state(), HoldState::Active);
            assert!(!self.is_served(), "the application is served during the hold");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn served_after_the_release(self) {
        let Self {
            application, hold, ..
        } = self;
        hold.release().await.unwrap();
        application.has_applied(&(0..11).collect::<Vec<_>>()).await;
    }
}

async fn witness(broker: &Broker, queue: &str) -> Witness {
    until("the application's connection is listed", || async {
        let facts = broker.describe_with_consumers(queue).await.ok()??;
        let address = facts.consumers.first()?.peer_host.clone();
        let witness = broker.witness(&facts, Some(&address)).await.ok()?;
        witness.application.is_some().then_some(witness)
    })
    .await
}

#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_hold_outlives_a_leader_that_hands_over() {
    let held = Held::begin(Node::One, Node::Two, Node::Three).await;
    let words = ["queues", "transfer_leadership", &held.queue, "rabbit@three"];
    Node::One.act(&words).await;
    led_by_another(&held.queue, Node::One, Node::Two).await;
    held.nothing_is_served().await;
    held.proven().await;
    held.served_after_the_release().await;
}

#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_hold_outlives_the_death_of_its_leader() {
    let held = Held::begin(Node::One, Node::Two, Node::Three).await;
    Node::One.act(&["restart"]).await;
    led_by_another(&held.queue, Node::One, Node::Two).await;
    held.nothing_is_served().await;
    held.proven().await;
    held.served_after_the_release().await;
}

#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_hold_whose_node_dies_is_lost_and_says_so() {
    let held = Held::begin(Node::One, Node::Two, Node::Three).await;
    Node::Two.act(&["restart"]).await;
    let state = until("the loss", || async {
        matches!(held.hold.state(), HoldState::Lost(_)).then(|| held.hold.state())
    })
    .await;
    println!("{state:?}");
    held.application.has_applied(&(0..11).collect::<Vec<_>>()).await;
}

/// The other two nodes choose a leader, and after a while they give the queue to the application.
#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_hold_of_the_minority_side_is_lost_before_the_application_is_served() {
    for leader in [Node::Two, Node::One] {
        let mut held = Held::begin(leader, Node::Two, Node::Three).await;
        let begun = Instant::now();
        held.cluster.broken(Node::Two, &["cut"], &["join"]).await;
        loop {
            let (served, state) = (held.is_served(), held.hold.state());
            match state {
                HoldState::Lost(why) => {
                    println!("led by {leader:?}: lost after {:?}: {why}", begun.elapsed());
                    break;
                }
                HoldState::Waiting | HoldState::Active => {
                    assert!(!served, "served after {:?}, {state:?}", begun.elapsed());
                }
            }
            assert!(begun.elapsed() < PATIENCE, "neither lost nor served");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        held.cluster.mended().await;
        held.application.has_applied(&(0..11).collect::<Vec<_>>()).await;
    }
}

/// What is counted of a queue without a majority is as old as the partition.
#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn nothing_is_proven_on_the_minority_side() {
    let mut held = Held::begin(Node::Two, Node::Two, Node::Three).await;
    held.cluster.broken(Node::Two, &["cut"], &["join"]).await;
    led_by_another(&held.queue, Node::Two, Node::One).await;
    let begun = Instant::now();
    while begun.elapsed() < WATCHED * 3 {
        let proof = held.broker.prove_settled(&held.hold, &held.witness).await;
        assert!(
            !matches!(proof, Ok(HoldProof::Proven(_))),
            "proven {:?} after another leader was chosen",
            begun.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    held.cluster.mended().await;
}
