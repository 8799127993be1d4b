//! Queues that drop messages by their age.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::SignedDuration;
use shadow_core::api::Step;
use shadow_core::doubt::DoubtReason;
use shadow_core::machine::{End, record};

use super::{at, began, kinds};

const TTL_MILLIS: u64 = 120_000;

#[test]
fn a_hold_as_long_as_messages_live_is_said_in_the_verdict() {
    let after = |seconds| began() + SignedDuration::from_secs(seconds);
    for kind in kinds() {
        for (seconds, end, exact) in [
            (119, End::Completed, true),
            (120, End::Completed, false),
            (119, End::Undone, true),
            (120, End::Undone, false),
        ] {
            let mut status = at(kind, Step::Clean).status;
            status.plan.as_mut().unwrap().queue.ttl_millis = Some(TTL_MILLIS);
            let leg = status.legs.last_mut().unwrap();
            match end {
                End::Completed => leg.released = Some(MicroTime(after(seconds))),
                End::Undone => leg.unpark_first_sent = Some(MicroTime(after(seconds))),
            }
            record::finish(&mut status, end, after(1_000));
            let verdict = status.verdict.unwrap();
            assert_eq!(verdict.exact, exact, "{kind:?} {end:?} {seconds}: {verdict:?}");
            let reasons: Vec<DoubtReason> = verdict.doubts.iter().map(|told| told.reason).collect();
            assert!(exact || reasons == [DoubtReason::Expired], "{verdict:?}");
        }
    }
}
