//! How long a moved pod cannot be ready, however soon its process runs: kubelet begins to probe a container so long after its
//! start, as if the application had to start. Until then Services send it nothing.

use k8s_openapi::api::core::v1::{Pod, Probe};

/// The latest probe of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Seconds from the start of the container to the first moment at which it can be ready.
    pub seconds: u32,
    /// The container.
    pub container: String,
    /// `startupProbe` or `readinessProbe`.
    pub probe: &'static str,
}

/// A wait that users notice; shorter ones end while the old instance still answers.
const WORTH_A_WORD: u32 = 5;

/// The delay of the container that is ready last; nothing of one that is worth no word.
pub fn delay(pod: &Pod) -> Option<Delay> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let delays = containers.flat_map(|container| {
        let of = |probe: &'static str, settings: &Option<Probe>| Delay {
            seconds: settings.as_ref().map_or(0, begins),
            container: container.name.clone(),
            probe,
        };
        [
            of("startupProbe", &container.startup_probe),
            of("readinessProbe", &container.readiness_probe),
        ]
    });
    delays
        .filter(|delay| delay.seconds >= WORTH_A_WORD)
        .max_by_key(|delay| delay.seconds)
}

/// It may have to succeed several times.
fn begins(probe: &Probe) -> u32 {
    let number = |value: Option<i32>, default: u32| {
        value
            .and_then(|value| u32::try_from(value).ok())
            .unwrap_or(default)
    };
    let repeats = number(probe.success_threshold, 1).saturating_sub(1);
    let period = number(probe.period_seconds, 10);
    number(probe.initial_delay_seconds, 0).saturating_add(repeats.saturating_mul(period))
}

impl Delay {
    /// What it means for Services.
    pub fn told(&self) -> String {
        let Self {
            seconds,
            container,
            probe,
        } = self;
        format!(
            "after each restore, Services send no requests to the moved pod for at least {seconds} s: {probe} of container \
             {container} does not let it be ready before (initialDelaySeconds, successThreshold), though its process runs \
             at once"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(startup: Value, readiness: Value) -> Option<(u32, &'static str)> {
        let pod = json!({"spec": {"containers": [
            {"name": "quick", "readinessProbe": {"periodSeconds": 1}},
            {"name": "orders", "startupProbe": startup, "readinessProbe": readiness},
        ]}});
        let delay = delay(&serde_json::from_value(pod).unwrap())?;
        assert_eq!(delay.container, "orders");
        Some((delay.seconds, delay.probe))
    }

    #[test]
    fn the_probe_that_begins_last_decides() {
        assert_eq!(of(Value::Null, Value::Null), None);
        assert_eq!(of(Value::Null, json!({"initialDelaySeconds": 4})), None);
        assert_eq!(
            of(
                json!({"initialDelaySeconds": 40}),
                json!({"initialDelaySeconds": 10})
            ),
            Some((40, "startupProbe"))
        );
        assert_eq!(
            of(
                Value::Null,
                json!({"initialDelaySeconds": 2, "successThreshold": 3, "periodSeconds": 20})
            ),
            Some((42, "readinessProbe"))
        );
    }
}
