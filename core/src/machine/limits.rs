//! How long each wait may last, and how often something may be tried.

use k8s_openapi::jiff::SignedDuration;

/// A target pod that is not staged by then will not be (scheduling, image, sandbox).
pub const STAGE: SignedDuration = SignedDuration::from_secs(45);
/// A control message that nobody has read by then is read by nobody.
pub const CONTROL_UNREAD: SignedDuration = SignedDuration::from_millis(2_500);
/// An application that polls its control queue, and has nothing else to do, has read what is in it by then.
pub const DEAF: SignedDuration = SignedDuration::from_secs(5);
/// An application that has read START_REPLAY finishes what it holds within this time.
pub const PARK: SignedDuration = SignedDuration::from_secs(30);
/// What waits before a fenced queue is worked off so long before the deadline, or in the first half of a short one. The
/// application works meanwhile: this is no pause.
pub const AFTER_FENCE: SignedDuration = SignedDuration::from_secs(30);
/// When a move is undone, what waits is worked off by the application within this time, or handed back to its queue in order.
pub const HANDED_BACK: SignedDuration = SignedDuration::from_secs(10);
/// Where more messages wait behind a fence than these, nobody waits for the application.
pub const MANY: u64 = 500;
/// The same for a stand-in, which serves as well as the pod that it stands for: since the fence.
pub const FENCE_LATER: SignedDuration = SignedDuration::from_secs(600);
/// An application that reads what it is told only when it has nothing else to do, and is slow to connect again, has
/// followed by then; then it is told once more.
pub const RETELL: SignedDuration = SignedDuration::from_secs(10);
/// Dump of a container, kubelet's own limit.
pub const CHECKPOINT: SignedDuration = SignedDuration::from_secs(120);
/// Transfer between two agents.
pub const TRANSFER: SignedDuration = SignedDuration::from_secs(120);
/// Dumps and transfers that keep failing are tried for so long: messages wait meanwhile.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(8);
/// At the end an agent that has not answered for so long is not waited for: what is left on its node goes when it is back.
pub const SILENCE: SignedDuration = SignedDuration::from_secs(15);
/// A target pod for which there is no room by then is given up; somebody may have to make room first.
pub const UNSCHEDULABLE: SignedDuration = SignedDuration::from_secs(10);
/// Who was told to connect to another queue has done so by then.
pub const RESTORE: SignedDuration = SignedDuration::from_secs(20);
/// The rest of the time for a copy to be on the hold queue: its agent has said by then if its restore was ended.
const CONNECT: SignedDuration = SignedDuration::from_secs(11);
/// Restores run at about ten times this speed, bytes per second.
const SLOWEST_RESTORE: u64 = 100_000_000;
/// A control message that had no effect is sent again after this time; reading it twice does nothing. The broker keeps
/// it until the application has read it, so this is for an application that read it and lost it.
pub const RESEND: SignedDuration = SignedDuration::from_secs(2);
/// The old instance waits this long for Services to have switched to the copy.
pub const TRAFFIC: SignedDuration = SignedDuration::from_secs(15);
/// Who consumes the control queue of a pod that is gone is waited for so long: the broker notices within this time that a process
/// was killed. Then it is refused the queue.
pub const READERS: SignedDuration = SignedDuration::from_secs(15);
/// When nothing came in to the old pod for this long, the proxies of all nodes send requests to the copy.
pub const QUIET: SignedDuration = SignedDuration::from_millis(300);
/// Who goes on asking the address of a pod that goes is heeded for so long: its copy has the memory, and all Services list that.
pub const HEEDED: SignedDuration = SignedDuration::from_secs(2);
/// The node's agent is asked for so long to end an old pod; then kubelet does it, or nobody.
pub const ENDED: SignedDuration = SignedDuration::from_secs(60);
/// Whole move before the commit, unless `spec.deadlineSeconds` says otherwise.
pub const DEADLINE_SECONDS: u32 = 120;
/// Attempts of the first handoff, where another one may succeed.
pub const FIRST_LEG_ATTEMPTS: u32 = 5;
/// Attempts of the second handoff before a person is asked; the shadow goes on in any case.
pub const SECOND_LEG_ATTEMPTS: u32 = 5;
/// After those, a person who deletes the pod gets one more, but no sooner than this after the last.
pub const ONE_MORE: SignedDuration = SignedDuration::from_secs(60);
/// Times that a restore is asked for once more when the source has gone already; then a person is asked.
pub const RESTORES: u32 = 3;
/// What is waited for so long, after the commit or in an undo, needs a person.
pub const LASTING: SignedDuration = SignedDuration::from_secs(120);
/// How far in the future "look again" lies when a watch will tell earlier.
pub const IDLE: SignedDuration = SignedDuration::from_secs(5);

/// A restore of that many bytes that has not ended by then hangs, and is ended.
pub fn restore(bytes: u64) -> SignedDuration {
    let reading = i64::try_from(bytes / SLOWEST_RESTORE).unwrap_or(i64::MAX);
    SignedDuration::from_secs(reading.saturating_add(15))
}

/// Until a copy of that many bytes is on the hold queue.
pub fn connected(bytes: u64) -> SignedDuration {
    restore(bytes).saturating_add(CONNECT)
}
