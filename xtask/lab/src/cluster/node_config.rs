//! The configuration files of a node, as text.

use super::layout::{DNS, Layout, Node, POD_RANGE, REGISTRY};

/// Every file: its path below the node's root and its content.
pub(super) fn files(layout: &Layout, node: Node) -> Vec<(String, String)> {
    let mut files = vec![
        ("etc/hostname".to_owned(), format!("{}\n", node.name)),
        (
            "etc/hosts".to_owned(),
            format!("127.0.0.1 localhost\n{} {}\n", node.address, node.name),
        ),
        ("etc/resolv.conf".to_owned(), String::new()),
        ("etc/cni/net.d/10-bridge.conflist".to_owned(), cni(node)),
        (
            "etc/containerd/config.toml".to_owned(),
            CONTAINERD.replace("REGISTRY", REGISTRY),
        ),
        ("etc/kubernetes/kubelet.yaml".to_owned(), kubelet(layout, node)),
        ("etc/kubernetes/kube-proxy.yaml".to_owned(), kube_proxy(node)),
    ];
    files.push((
        format!("etc/containerd/certs.d/{REGISTRY}/hosts.toml"),
        format!("server = \"http://{REGISTRY}\"\n[host.\"http://{REGISTRY}\"]\ncapabilities = [\"pull\", \"resolve\"]\n"),
    ));
    files
}

/// The address plan is fixed, so each node knows its own range and nothing has to be allocated.
fn cni(node: Node) -> String {
    let bridge = serde_json::json!({
        "cniVersion": "1.0.0",
        "name": "bridge",
        "plugins": [
            {
                "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": node.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    format!("{bridge:#}\n")
}

const CONTAINERD: &str = r#"version = 3
imports = ["/etc/containerd/conf.d/*.toml"]

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "REGISTRY/pause:1"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "/etc/containerd/certs.d"

[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE no oom score may be lowered.
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
"#;

fn kubelet(layout: &Layout, node: Node) -> String {
    format!(
        r#"apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: /etc/kubernetes/ca.crt}}
authorization: {{mode: Webhook}}
tlsCertFile: /etc/kubernetes/{name}.crt
tlsPrivateKeyFile: /etc/kubernetes/{name}.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /{cgroup}
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: true
oomScoreAdj: 0
protectKernelDefaults: false
clusterDNS: ["{DNS}"]
clusterDomain: cluster.local
resolvConf: ""
maxPods: 50
serializeImagePulls: false
registryPullQPS: 0
eventRecordQPS: 0
evictionHard: {{memory.available: 100Mi}}
"#,
        name = node.name,
        cgroup = layout.cgroup(node),
    )
}

/// Zero would mean the default of one second; endpoints should change at once.
fn kube_proxy(node: Node) -> String {
    format!(
        r#"apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: {name}
clusterCIDR: {POD_RANGE}
clientConnection: {{kubeconfig: /etc/kubernetes/kube-proxy.kubeconfig}}
nftables: {{minSyncPeriod: 10ms, syncPeriod: 30s}}
conntrack: {{maxPerCore: 0}}
oomScoreAdj: 0
"#,
        name = node.name,
    )
}
