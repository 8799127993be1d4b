//! Which of several nodes has the most room, as the scheduler counts it: what pods ask for, not what they use.
//!
//! The scheduler itself is asked in Stage: it may still find no place there. It cannot be asked before, since it decides for pods
//! only, and the copy's pod is created when the agent of its node expects it.

use k8s_openapi::api::core::v1::{Container, Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::quantity;

/// What pods ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// Bytes.
    pub memory: u64,
    /// Pods.
    pub pods: u64,
}

impl Asked {
    /// By one pod. Its init containers run before the others, one after the other.
    pub fn by(pod: &Pod) -> Self {
        let Some(spec) = &pod.spec else {
            return Self::default();
        };
        let together = sum(spec.containers.iter().map(of_container));
        let before = spec.init_containers.iter().flatten().map(of_container);
        let most = before.fold(together, |most, one| Self {
            cpu_millis: most.cpu_millis.max(one.cpu_millis),
            memory: most.memory.max(one.memory),
            pods: 0,
        });
        Self { pods: 1, ..most }
    }

    /// By all pods that have not ended.
    pub fn by_all<'a>(pods: impl Iterator<Item = &'a Pod>) -> Self {
        sum(pods.filter(|pod| !has_ended(pod)).map(Self::by))
    }
}

/// A node and the room on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub node: String,
    has: Asked,
    given: Asked,
}

impl Room {
    /// Of a node on which pods ask for so much.
    pub fn of(node: &Node, given: Asked) -> Self {
        let has = |what: &str| {
            let all = node.status.as_ref()?.allocatable.as_ref()?;
            all.get(what)
        };
        Self {
            node: super::name(node).to_owned(),
            has: Asked {
                cpu_millis: has("cpu").and_then(quantity::millis).unwrap_or(0),
                memory: has("memory").and_then(quantity::bytes).unwrap_or(0),
                pods: has("pods").and_then(quantity::bytes).unwrap_or(0),
            },
            given,
        }
    }

    /// What is left when `pod` is there, too, in thousandths of the smaller of CPU and memory; `None`: it has no place.
    fn left(&self, pod: Asked) -> Option<u64> {
        let left = |has: u64, given: u64, more: u64| has.checked_sub(given.checked_add(more)?);
        let cpu = left(self.has.cpu_millis, self.given.cpu_millis, pod.cpu_millis)?;
        let memory = left(self.has.memory, self.given.memory, pod.memory)?;
        left(self.has.pods, self.given.pods, pod.pods)?;
        let share = |left: u64, has: u64| left.saturating_mul(1_000) / has.max(1);
        Some(share(cpu, self.has.cpu_millis).min(share(memory, self.has.memory)))
    }
}

/// The node with the most room for a pod, and why it is taken; or why none is.
pub fn roomiest(rooms: &[Room], pod: Asked) -> Result<(String, String), String> {
    let mut with_room: Vec<(u64, &str)> = rooms
        .iter()
        .filter_map(|room| Some((room.left(pod)?, room.node.as_str())))
        .collect();
    with_room.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    let names: Vec<&str> = rooms.iter().map(|room| room.node.as_str()).collect();
    match with_room.first() {
        Some((left, node)) => Ok((
            (*node).to_owned(),
            format!(
                "node {node} has the most room of the {} that fit ({} % of its CPU or memory stay free)",
                rooms.len(),
                left / 10
            ),
        )),
        None => Err(format!(
            "no node is named, and none of those that fit has room for the CPU and memory that the pod asks for: {}. Make room on one of \
             them, or add a node",
            super::listed(&names)
        )),
    }
}

fn of_container(container: &Container) -> Asked {
    let asked = container.resources.as_ref().and_then(|all| all.requests.as_ref());
    let of = |what: &str, read: fn(&Quantity) -> Option<u64>| {
        asked.and_then(|all| all.get(what)).and_then(read).unwrap_or(0)
    };
    Asked {
        cpu_millis: of("cpu", quantity::millis),
        memory: of("memory", quantity::bytes),
        pods: 0,
    }
}

fn sum(all: impl Iterator<Item = Asked>) -> Asked {
    all.fold(Asked::default(), |sum, one| Asked {
        cpu_millis: sum.cpu_millis.saturating_add(one.cpu_millis),
        memory: sum.memory.saturating_add(one.memory),
        pods: sum.pods.saturating_add(one.pods),
    })
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, cpu: &str, memory: &str) -> Node {
        serde_json::from_value(json!({"metadata": {"name": name},
            "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": "10"}}}))
        .unwrap()
    }

    fn pod(cpu: &str, memory: &str, phase: &str) -> Pod {
        serde_json::from_value(json!({"spec": {
            "containers": [{"name": "a", "resources": {"requests": {"cpu": cpu, "memory": memory}}}, {"name": "b"}],
            "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "50m", "memory": "1Gi"}}}]},
            "status": {"phase": phase}}))
        .unwrap()
    }

    #[test]
    fn a_pod_asks_for_its_containers_together_or_for_its_largest_init_container() {
        let asked = Asked::by(&pod("250m", "64Mi", "Running"));
        let wanted = Asked {
            cpu_millis: 250,
            memory: 1 << 30,
            pods: 1,
        };
        assert_eq!(asked, wanted);
        let all = [pod("1", "2Gi", "Running"), pod("1", "2Gi", "Succeeded")];
        assert_eq!(Asked::by_all(all.iter()).cpu_millis, 1_000, "one has ended");
    }

    #[test]
    fn the_node_with_the_most_room_is_taken_and_a_full_one_never() {
        let small = Asked {
            cpu_millis: 100,
            memory: 1 << 20,
            pods: 1,
        };
        let busy = Asked {
            cpu_millis: 1_900,
            memory: 0,
            pods: 1,
        };
        let full = Asked { pods: 10, ..small };
        let rooms = [
            Room::of(&node("a", "2", "4Gi"), busy),
            Room::of(&node("b", "2", "4Gi"), small),
            Room::of(&node("c", "64", "4Ti"), full),
        ];
        let (taken, because) = roomiest(&rooms, small).unwrap();
        assert_eq!(taken, "b");
        assert!(because.contains("of the 3 that fit (90 %"), "{because}");
        let why = roomiest(
            &rooms[..1],
            Asked {
                cpu_millis: 200,
                ..small
            },
        )
        .unwrap_err();
        assert!(why.contains("has room") && why.ends_with("add a node"), "{why}");
        let alike = [
            rooms[1].clone(),
            Room {
                node: "a".into(),
                ..rooms[1].clone()
            },
        ];
        assert_eq!(roomiest(&alike, small).unwrap().0, "a", "the first by name");
    }
}
