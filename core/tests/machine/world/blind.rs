//! A part of the world that answers nobody for a while: what it knows cannot be seen, and nothing can be done there. The rest
//! goes on.

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    ApiServer,
    Broker,
    /// Of the broker: who is connected, and what is not acknowledged.
    Management,
    Agents,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::ApiServer, Self::Broker, Self::Management, Self::Agents];

    /// What is seen without it.
    pub(crate) fn hide(self, seen: Observed, status: &MigrationStatus) -> Observed {
        let unseen = Observed::default();
        let blind = vec![format!("{self:?} does not answer")];
        match self {
            Self::ApiServer => Observed {
                from: unseen.from,
                to: unseen.to,
                restarted: unseen.restarted,
                rule: unseen.rule,
                traffic: unseen.traffic,
                // The addresses of the pods.
                evidence: unseen.evidence,
                blind,
                ..seen
            },
            Self::Broker => Observed {
                cancel: seen.cancel,
                give_memory_up: seen.give_memory_up,
                from: seen.from,
                to: seen.to,
                restarted: seen.restarted,
                rule: seen.rule,
                traffic: seen.traffic,
                key: seen.key,
                leftovers: seen
                    .leftovers
                    .into_iter()
                    .map(|(name, _)| (name, QueueSeen::Unseen))
                    .collect(),
                blind,
                ..unseen
            },
            Self::Management => {
                let proven = Sight::in_status(status).is_some_and(|sight| sight.has(Look::LinkProof));
                Observed {
                    link: if proven { unseen.link } else { seen.link },
                    copy_connected: unseen.copy_connected,
                    copy_consumes: unseen.copy_consumes,
                    source_gone: unseen.source_gone,
                    evidence: unseen.evidence,
                    blind,
                    ..seen
                }
            }
            Self::Agents => Observed {
                key: unseen.key,
                blind,
                ..seen
            },
        }
    }

    /// Whether this cannot be done without it.
    pub(crate) fn is_needed_for(self, action: &Action) -> bool {
        let needed: &[Self] = match action {
            Action::InstallRule
            | Action::ProveRule
            | Action::RemoveRule
            | Action::CreateTarget
            | Action::Adopt { .. }
            | Action::DeletePod(_)
            | Action::DropPod(_) => &[Self::ApiServer],
            Action::Park { .. }
            | Action::Unpark { .. }
            | Action::DetachLink
            | Action::Port { .. }
            | Action::Tell { .. }
            | Action::WithdrawControl { .. }
            | Action::DropHold(_)
            | Action::DropControl { .. } => &[Self::Broker],
            // Who was served then is noted.
            Action::AttachLink { .. } => &[Self::Broker, Self::Management],
            Action::Announce { .. }
            | Action::RetryRestore { .. }
            | Action::Checkpoint { .. }
            | Action::Promise
            | Action::Thaw
            | Action::Fetch { .. }
            | Action::Kill(_)
            | Action::AbortKey { .. }
            | Action::ForgetKeys => &[Self::Agents],
            // A registry, and the migration itself.
            Action::WithdrawImage | Action::Doubt(_) => &[],
        };
        needed.contains(&self)
    }
}

impl World {
    /// Agents that come back and find the migration ended remove what is left of it.
    pub(crate) fn agents_return(&mut self) {
        self.forget_keys();
    }
}
