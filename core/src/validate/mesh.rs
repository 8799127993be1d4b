//! Proxies of service meshes that were put into the pod beside the application.
//!
//! Such a proxy takes over the connections of the application. It is another container: the copy starts it anew, and what it
//! knew of a connection is gone. What the broker tells of the pod's connection is then about the proxy's, not the application's.

use k8s_openapi::api::core::v1::Pod;

/// A mesh, and how a port is left out of it.
struct Mesh {
    name: &'static str,
    /// Its container in the pod, or its init container that goes on running.
    container: &'static str,
    /// Annotation of the pod: ports of others that the proxy leaves alone, `5672,8000-8100`.
    leaves_out: &'static str,
}

const KNOWN: [Mesh; 4] = [
    Mesh {
        name: "Istio",
        container: "istio-proxy",
        leaves_out: "traffic.sidecar.istio.io/excludeOutboundPorts",
    },
    Mesh {
        name: "Linkerd",
        container: "linkerd-proxy",
        leaves_out: "config.linkerd.io/skip-outbound-ports",
    },
    Mesh {
        name: "Consul",
        container: "consul-dataplane",
        leaves_out: "consul.hashicorp.com/transparent-proxy-exclude-outbound-ports",
    },
    Mesh {
        name: "Kuma",
        container: "kuma-sidecar",
        leaves_out: "traffic.kuma.io/exclude-outbound-ports",
    },
];

/// Why the connection to a broker at this port cannot be moved, if a proxy takes it over.
pub fn intercepted(pod: &Pod, port: u16) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let all = spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten());
    let names: Vec<&str> = all.map(|container| container.name.as_str()).collect();
    let mesh = KNOWN.iter().find(|mesh| names.contains(&mesh.container))?;
    let left_out = pod
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(mesh.leaves_out));
    if left_out.is_some_and(|ports| holds(ports, port)) {
        return None;
    }
    let Mesh {
        name,
        container,
        leaves_out,
    } = mesh;
    Some(format!(
        "the connection to the broker goes through container {container:?}, the proxy of {name}, which does not move with it; leave \
         the broker's port out of the mesh: annotation {leaves_out}: \"{port}\" in the template of the pod's owner"
    ))
}

/// Whether a list of ports and ranges has this one.
fn holds(ports: &str, port: u16) -> bool {
    ports.split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u16>().ok();
        matches!((number(from), number(to)), (Some(from), Some(to)) if (from..=to).contains(&port))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(containers: &[&str], inits: &[&str], annotation: Option<(&str, &str)>) -> Pod {
        let named = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
        let annotations: serde_json::Map<_, _> = annotation
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        serde_json::from_value(json!({
            "metadata": {"annotations": annotations},
            "spec": {"containers": named(containers), "initContainers": named(inits)}
        }))
        .unwrap()
    }

    #[test]
    fn each_mesh_is_named_with_its_way_out_and_allowed_where_the_port_is_left_out() {
        for Mesh {
            name,
            container,
            leaves_out,
        } in KNOWN
        {
            for pod_of in [
                |one: &str, with| pod(&["orders", one], &[], with),
                |one: &str, with| pod(&["orders"], &[one], with),
            ] {
                let said = intercepted(&pod_of(container, None), 5672).unwrap();
                for word in [name, container, leaves_out, "5672"] {
                    assert!(said.contains(word), "{said}");
                }
                let out = |ports| intercepted(&pod_of(container, Some((leaves_out, ports))), 5672);
                assert_eq!(out("443, 5672"), None);
                assert_eq!(out("5000-6000"), None);
                assert!(out("443,15672").is_some());
                assert!(out("").is_some());
            }
        }
        assert_eq!(
            intercepted(&pod(&["orders", "logs"], &["setup"], None), 5672),
            None
        );
    }
}
