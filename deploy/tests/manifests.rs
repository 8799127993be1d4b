//! What an installation may and may not contain.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]
use kube::api::DynamicObject;
use serde_json::Value;
use shadow_core::api::Phase;
use shadow_core::eviction::deletion;
use shadow_core::names;
use shadow_deploy::{Dialling, Settings, broker_access, manifests, pull_secret};

fn settings() -> Settings {
    Settings {
        registry: "registry.example:5000/ours".to_owned(),
        tag: "v9".to_owned(),
        plain_http_registries: Vec::new(),
        dialling: Dialling::default(),
        pull_secret: None,
        runtime_handler: true,
    }
}

fn objects() -> Vec<DynamicObject> {
    manifests(&settings()).unwrap()
}

fn kind(object: &DynamicObject) -> &str {
    &object.types.as_ref().unwrap().kind
}

fn find(wanted: &str, name: &str) -> DynamicObject {
    let found = objects()
        .into_iter()
        .find(|o| kind(o) == wanted && o.metadata.name.as_deref() == Some(name));
    found.unwrap_or_else(|| panic!("no {wanted} {name}"))
}

/// Every (role kind, api group, resource, verb, whether confined by name) that is given away.
fn permissions() -> Vec<(String, String, String, String, bool)> {
    let mut all = Vec::new();
    let roles = objects();
    let roles = roles.iter().filter(|o| matches!(kind(o), "Role" | "ClusterRole"));
    for role in roles {
        for rule in role.data["rules"].as_array().unwrap() {
            let texts = |field: &str| -> Vec<String> {
                let items = rule[field].as_array().into_iter().flatten();
                items.map(|v| v.as_str().unwrap().to_owned()).collect()
            };
            assert!(rule.get("nonResourceURLs").is_none(), "{rule}");
            let named = !texts("resourceNames").is_empty();
            for group in texts("apiGroups") {
                for resource in texts("resources") {
                    for verb in texts("verbs") {
                        all.push((
                            kind(role).to_owned(),
                            group.clone(),
                            resource.clone(),
                            verb,
                            named,
                        ));
                    }
                }
            }
        }
    }
    assert!(all.len() > 50, "rules were not read");
    all
}

#[test]
fn no_permission_is_a_wildcard() {
    for permission in permissions() {
        let (_, group, resource, verb, _) = &permission;
        assert!(
            ![group, resource, verb].iter().any(|s| s.contains('*')),
            "{permission:?}"
        );
    }
}

#[test]
fn no_permission_leads_out_of_the_role() {
    for permission in permissions() {
        let (_, group, resource, verb, _) = &permission;
        assert!(
            resource != "nodes/proxy" && resource != "pods/exec",
            "{permission:?}"
        );
        assert!(
            !["escalate", "bind", "impersonate"].contains(&verb.as_str()),
            "{permission:?}"
        );
        // The controller looks whether the Role that lets it read a broker's Secret is still there.
        assert!(
            group != "rbac.authorization.k8s.io" || (resource == "roles" && verb == "get"),
            "{permission:?}"
        );
        assert!(resource != "serviceaccounts/token", "{permission:?}");
    }
}

#[test]
fn secrets_are_read_by_name_only() {
    let mut seen = 0;
    for permission in permissions().iter().filter(|p| p.2 == "secrets") {
        let (role, _, _, verb, named) = permission;
        assert_eq!(role, "Role", "{permission:?}");
        assert!(*named || verb == "create", "{permission:?}");
        seen += 1;
    }
    assert!(seen > 0, "the authority's Secret is missing");
}

#[test]
fn policies_of_the_network_are_listed_and_never_changed() {
    let verbs: Vec<String> = permissions()
        .into_iter()
        .filter(|permission| permission.2 == "networkpolicies")
        .map(|permission| permission.3)
        .collect();
    assert_eq!(verbs, ["list"]);
}

/// The right to write policies is no part of `edit`, and that of the cluster's is bound to no role that is given to others.
#[test]
fn policies_are_written_by_administrators_only() {
    let roles = objects();
    let roles = roles.iter().filter(|object| kind(object) == "ClusterRole");
    let mut writers = Vec::new();
    for role in roles {
        let rules = role.data["rules"].as_array().unwrap();
        let has = |rule: &Value, field: &str, wanted: &[&str]| {
            let all = rule[field].as_array().unwrap();
            all.iter().any(|one| wanted.contains(&one.as_str().unwrap()))
        };
        for resource in ["migrationpolicies", "clustermigrationpolicies"] {
            let writes = rules.iter().any(|rule| {
                has(rule, "resources", &[resource])
                    && has(
                        rule,
                        "verbs",
                        &["create", "update", "patch", "delete", "deletecollection"],
                    )
            });
            if writes {
                let labels = role.metadata.labels.clone().unwrap_or_default();
                let into: Vec<String> = labels
                    .into_keys()
                    .filter_map(|label| {
                        Some(
                            label
                                .strip_prefix("rbac.authorization.k8s.io/aggregate-to-")?
                                .to_owned(),
                        )
                    })
                    .collect();
                writers.push((role.metadata.name.clone().unwrap(), resource, into.join(",")));
            }
        }
    }
    writers.sort();
    let wanted = [
        ("shadow-admin", "migrationpolicies", "admin"),
        ("shadow-cluster-policies", "clustermigrationpolicies", ""),
    ];
    let wanted = wanted.map(|(role, resource, into)| (role.to_owned(), resource, into.to_owned()));
    assert_eq!(writers, wanted);
    let bound = objects().iter().any(|object| {
        kind(object).ends_with("RoleBinding") && object.data["roleRef"]["name"] == "shadow-cluster-policies"
    });
    assert!(!bound, "bound by the installation");
}

#[test]
fn broker_access_is_one_secret_in_one_namespace() {
    let [role, binding] = broker_access::grants("shop", "orders-broker").unwrap();
    assert_eq!(role.metadata.namespace.as_deref(), Some("shop"));
    let wanted: Value = serde_json::json!(
        [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["orders-broker"], "verbs": ["get"]}]
    );
    assert_eq!(role.data["rules"], wanted);
    assert_eq!(binding.data["roleRef"]["name"], "shadow-broker-orders-broker");
    assert_eq!(binding.data["subjects"][0]["name"], names::CONTROLLER_ACCOUNT);
}

#[test]
fn names_are_those_of_core() {
    find("Namespace", names::SYSTEM_NAMESPACE);
    find("RuntimeClass", names::RUNTIME_CLASS);
    find("Service", names::WEBHOOK_SERVICE);
    for account in [
        names::CONTROLLER_ACCOUNT,
        names::WEBHOOK_ACCOUNT,
        names::AGENT_ACCOUNT,
    ] {
        find("ServiceAccount", account);
    }
    let text = serde_json::to_string(&objects()).unwrap();
    for name in [
        names::SIGNER,
        names::CA_CONFIG_MAP,
        names::CA_SECRET,
        names::RESTORE_KEY,
        names::MIGRATION_UID,
        names::ROLE,
        &names::account_user(names::CONTROLLER_ACCOUNT),
    ] {
        assert!(text.contains(name), "{name} is not in the manifests");
    }
    let reserved = [
        names::RESTORE_KEY,
        names::RESTORE_CONTAINER,
        names::MIGRATION,
        names::OWN_FIELDS,
        names::RULE_PROBE,
    ];
    for policy in ["shadow-reserved-pods", "shadow-reserved-templates"] {
        let policy = find("ValidatingAdmissionPolicy", policy).data.to_string();
        for name in reserved.iter().chain([&names::MIGRATION_UID, &names::ROLE]) {
            assert!(
                policy.contains(&format!("'{name}'")),
                "{name} is not reserved in {policy}"
            );
        }
    }
    let port = find("DaemonSet", "shadow-agent").data["spec"]["template"]["spec"]["containers"][0]["ports"]
        [0]["containerPort"]
        .clone();
    assert_eq!(port, names::AGENT_PORT);
}

#[test]
fn no_placeholder_is_left_and_images_are_those_asked_for() {
    let text = serde_json::to_string(&objects()).unwrap();
    assert!(!text.contains("${"), "{text}");
    for part in ["controller", "webhook", "agent"] {
        assert!(
            text.contains(&format!("registry.example:5000/ours/{part}:v9")),
            "{part}"
        );
    }
}

#[test]
fn image_names_cannot_smuggle_yaml() {
    let bad = Settings {
        registry: "x\nkind: Pod".to_owned(),
        ..settings()
    };
    let error = manifests(&bad).unwrap_err().to_string();
    assert!(error.contains("registry"), "{error}");
}

#[test]
fn plain_http_is_spoken_only_with_registries_that_were_named() {
    let value = |hosts: &[&str]| {
        let settings = Settings {
            plain_http_registries: hosts.iter().map(|&host| host.to_owned()).collect(),
            ..settings()
        };
        let text = serde_json::to_value(manifests(&settings).map_err(|error| error.to_string())?).unwrap();
        let text = text.to_string();
        let (_, after) = text
            .split_once("SHADOW_PLAIN_HTTP_REGISTRIES\",\"value\":\"")
            .unwrap();
        Ok::<_, String>(after.split('"').next().unwrap().to_owned())
    };
    assert_eq!(value(&[]).unwrap(), "");
    assert_eq!(
        value(&["10.0.0.1:5000", "intern"]).unwrap(),
        "10.0.0.1:5000,intern"
    );
    for bad in ["", "http://x", "x/y", "x\"\nkind: Pod", "x,y"] {
        let error = value(&[bad]).unwrap_err();
        assert!(error.contains("plain-http"), "{error}");
    }
}

#[test]
fn workloads_run_on_nodes_that_their_images_are_built_for() {
    let workloads = ["shadow-controller", "shadow-webhook"].map(|name| find("Deployment", name));
    for workload in workloads.into_iter().chain([find("DaemonSet", "shadow-agent")]) {
        let selector = &workload.data["spec"]["template"]["spec"]["nodeSelector"];
        let expected = serde_json::json!({"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"});
        assert_eq!(selector, &expected);
    }
}

/// The value of a variable in the containers of a workload.
fn variable(settings: &Settings, workload: (&str, &str), name: &str) -> Result<String, String> {
    let objects = manifests(settings).map_err(|error| error.to_string())?;
    let found = objects
        .iter()
        .find(|o| (kind(o), o.metadata.name.as_deref()) == (workload.0, Some(workload.1)));
    let containers = found.unwrap().data["spec"]["template"]["spec"]["containers"].clone();
    let variables = containers[0]["env"].as_array().unwrap().clone();
    let variable = variables
        .iter()
        .find(|variable| variable["name"] == name)
        .unwrap();
    Ok(variable["value"].as_str().unwrap().to_owned())
}

#[test]
fn controller_and_agents_get_the_operators_word_on_what_is_dialled() {
    let texts = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
    let word = |brokers: &[&str], registries: &[&str], addresses: &[&str]| Settings {
        dialling: Dialling {
            brokers: texts(brokers),
            registries: texts(registries),
            addresses: texts(addresses),
            require_tls: true,
        },
        ..settings()
    };
    let (controller, agent) = (("Deployment", "shadow-controller"), ("DaemonSet", "shadow-agent"));
    let full = word(
        &["*.mq.svc", "10.7.0.0/16"],
        &["r.example.org:5000"],
        &["10.0.0.5", "fd00::/8"],
    );
    for (workload, name, value) in [
        (controller, "SHADOW_BROKERS", "*.mq.svc, 10.7.0.0/16"),
        (controller, "SHADOW_REGISTRIES", "r.example.org:5000"),
        (agent, "SHADOW_REGISTRIES", "r.example.org:5000"),
        (controller, "SHADOW_ALLOW_ADDRESSES", "10.0.0.5/32, fd00::/8"),
        (agent, "SHADOW_ALLOW_ADDRESSES", "10.0.0.5/32, fd00::/8"),
        (controller, "SHADOW_REQUIRE_TLS", "true"),
    ] {
        assert_eq!(variable(&full, workload, name).unwrap(), value, "{name}");
    }
    for (name, value) in [
        ("SHADOW_BROKERS", ""),
        ("SHADOW_REGISTRIES", ""),
        ("SHADOW_ALLOW_ADDRESSES", ""),
        ("SHADOW_REQUIRE_TLS", "false"),
    ] {
        assert_eq!(variable(&settings(), controller, name).unwrap(), value, "{name}");
    }
    for (bad, option) in [
        (word(&["x\"\nkind: Pod"], &[], &[]), "allow-broker"),
        (word(&["http://mq"], &[], &[]), "allow-broker"),
        (word(&[], &["r/a"], &[]), "allow-registry"),
        (word(&[], &[], &["mq.shop"]), "allow-address"),
        (word(&[], &[], &["10.0.0.0/33"]), "allow-address"),
    ] {
        let told = variable(&bad, controller, "SHADOW_BROKERS").unwrap_err();
        assert!(told.starts_with(option), "{told}");
    }
}

#[test]
fn tls_cannot_be_required_and_left_away() {
    let mut settings = settings();
    settings.dialling.require_tls = true;
    settings.plain_http_registries = vec!["10.0.0.1:5000".to_owned()];
    let told = manifests(&settings).unwrap_err().to_string();
    assert!(
        told.contains("require-tls") && told.contains("plain-http"),
        "{told}"
    );
}

#[test]
fn all_workloads_are_pulled_with_the_secret_that_is_named() {
    let named = |name: Option<&str>| {
        let settings = Settings {
            pull_secret: name.map(str::to_owned),
            ..settings()
        };
        manifests(&settings).map_err(|error| error.to_string())
    };
    for (name, expected) in [
        (None, serde_json::json!([])),
        (Some("pull"), serde_json::json!([{"name": "pull"}])),
        (Some("a.b-1"), serde_json::json!([{"name": "a.b-1"}])),
    ] {
        let objects = named(name).unwrap();
        let workloads = objects
            .iter()
            .filter(|o| matches!(kind(o), "Deployment" | "DaemonSet"));
        let lists: Vec<_> = workloads
            .map(|o| o.data["spec"]["template"]["spec"]["imagePullSecrets"].clone())
            .collect();
        assert_eq!(lists, vec![expected; 3], "{name:?}");
    }
    for bad in ["", "A", "a_b", "-a", "a}, {name: b", "a\nkind: Pod"] {
        assert!(named(Some(bad)).unwrap_err().contains("pull secret"), "{bad}");
    }
}

#[test]
fn a_pull_secret_lies_between_its_namespace_and_what_refers_to_it() {
    let mut all = objects();
    let users = serde_json::json!({"auths": {"r.example.org": {"auth": "x"}}});
    pull_secret::insert(&mut all, pull_secret::object(&users).unwrap());
    let place = |wanted: &str| all.iter().position(|o| kind(o) == wanted).unwrap();
    assert_eq!(place("Secret"), place("Namespace") + 1);
    let secret = &all[place("Secret")];
    assert_eq!(secret.metadata.name.as_deref(), Some(names::PULL_SECRET));
    assert_eq!(
        secret.metadata.namespace.as_deref(),
        Some(names::SYSTEM_NAMESPACE)
    );
    let kept = secret.data["stringData"][".dockerconfigjson"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(kept).unwrap(), users);
}

#[test]
fn only_the_nodes_helpers_are_privileged() {
    let mut privileged = Vec::new();
    for object in objects()
        .iter()
        .filter(|o| matches!(kind(o), "Deployment" | "DaemonSet"))
    {
        let spec = &object.data["spec"]["template"]["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false);
        let lists = ["initContainers", "containers"].map(|list| spec[list].as_array());
        for container in lists.into_iter().flatten().flatten() {
            let name = container["name"].as_str().unwrap().to_owned();
            let security = &container["securityContext"];
            if security["privileged"] == true {
                let mounts = container["volumeMounts"].to_string();
                assert!(
                    !mounts.contains("serviceaccount"),
                    "{name} is privileged and has a token"
                );
                privileged.push(name);
            } else {
                assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(security["capabilities"]["drop"][0], "ALL", "{name}");
            }
        }
    }
    assert_eq!(privileged, ["install", "helper"]);
}

#[test]
fn only_creations_of_our_own_kind_wait_for_the_webhook() {
    for wanted in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let configuration = find(wanted, "shadow-webhook");
        let webhooks = configuration.data["webhooks"].as_array().unwrap();
        for webhook in webhooks
            .iter()
            .filter(|webhook| webhook["failurePolicy"] == "Fail")
        {
            for rule in webhook["rules"].as_array().unwrap() {
                assert_eq!(rule["apiGroups"], serde_json::json!([names::GROUP]));
                assert_eq!(rule["resources"], serde_json::json!(["statefulmigrations"]));
            }
        }
    }
}

#[test]
fn evictions_and_deletions_are_sent_from_namespaces_that_opted_in_and_never_wait() {
    let configuration = find("ValidatingWebhookConfiguration", "shadow-webhook");
    let webhooks = configuration.data["webhooks"].as_array().unwrap();
    let open: Vec<&Value> = webhooks
        .iter()
        .filter(|webhook| webhook["failurePolicy"] != "Fail")
        .collect();
    let opted_in = serde_json::json!({"matchLabels": {names::EVICTIONS: names::MOVE}});
    for webhook in &open {
        assert_eq!(webhook["failurePolicy"], "Ignore", "{webhook}");
        assert_eq!(webhook["timeoutSeconds"], 1, "{webhook}");
        assert_eq!(webhook["namespaceSelector"], opted_in, "{webhook}");
    }
    let sent = |webhook: &&Value| {
        let path = webhook["clientConfig"]["service"]["path"]
            .as_str()
            .unwrap()
            .to_owned();
        let rule = &webhook["rules"][0];
        (path, rule["operations"][0].clone(), rule["resources"][0].clone())
    };
    let wanted = [
        (
            names::WEBHOOK_EVICTIONS_PATH.to_owned(),
            "CREATE".into(),
            "pods/eviction".into(),
        ),
        (
            names::WEBHOOK_DELETIONS_PATH.to_owned(),
            "DELETE".into(),
            "pods".into(),
        ),
    ];
    assert_eq!(open.iter().map(sent).collect::<Vec<_>>(), wanted);
}

/// Each user that ends pods of a move in its own right, as core has it, and no other.
#[test]
fn deletions_of_right_do_not_depend_on_the_webhook() {
    let configuration = find("ValidatingWebhookConfiguration", "shadow-webhook");
    let webhooks = configuration.data["webhooks"].as_array().unwrap();
    let deletions = webhooks
        .iter()
        .find(|webhook| webhook["name"] == "deletions.migration.ms2m.io")
        .unwrap();
    let condition = |name: &str| {
        let conditions = deletions["matchConditions"].as_array().unwrap();
        let found = conditions.iter().find(|one| one["name"] == name).unwrap();
        found["expression"].as_str().unwrap().to_owned()
    };
    let by = condition("by-somebody-else");
    let mut listed: Vec<&str> = by.split('\'').skip(1).step_by(2).collect();
    let mut wanted: Vec<String> = deletion::OF_KUBERNETES
        .iter()
        .map(|account| format!("system:serviceaccount:kube-system:{account}"))
        .chain(deletion::USERS.iter().map(|user| (*user).to_owned()))
        .chain([
            names::account_user(names::CONTROLLER_ACCOUNT),
            deletion::NODES.to_owned(),
        ])
        .collect();
    listed.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(listed, wanted);
    assert!(by.starts_with(&format!(
        "!request.userInfo.username.startsWith('{}')",
        deletion::NODES
    )));
    assert!(
        by.contains("&& !(request.userInfo.username in [") && !by.contains("||"),
        "{by}"
    );
    assert!(condition("does-not-end-already").contains("!has(oldObject.metadata.deletionTimestamp)"));
    assert!(condition("made-by-a-move").contains(&format!("'{}' in", names::MIGRATION)));
}

/// What controllers make pods from, of every group; a policy of the API server itself, so that no creation waits for us.
#[test]
fn the_templates_of_every_controller_are_guarded() {
    let policy = find("ValidatingAdmissionPolicy", "shadow-reserved-templates");
    let rules = policy.data["spec"]["matchConstraints"]["resourceRules"]
        .as_array()
        .unwrap();
    let mut guarded = Vec::new();
    for rule in rules {
        assert_eq!(
            rule["operations"],
            serde_json::json!(["CREATE", "UPDATE"]),
            "{rule}"
        );
        let group = rule["apiGroups"][0].as_str().unwrap();
        let resources = rule["resources"].as_array().unwrap().iter();
        guarded.extend(resources.map(|resource| format!("{group}/{}", resource.as_str().unwrap())));
    }
    guarded.sort_unstable();
    let wanted = [
        "/podtemplates",
        "/replicationcontrollers",
        "apps/controllerrevisions",
        "apps/daemonsets",
        "apps/deployments",
        "apps/replicasets",
        "apps/statefulsets",
        "batch/cronjobs",
        "batch/jobs",
    ];
    assert_eq!(guarded, wanted);
}

/// The account that all controllers share where they have none of their own may submit a restore for a StatefulSet only.
#[test]
fn only_a_statefulsets_controller_submits_what_the_webhook_makes_a_restore() {
    let policy = find("ValidatingAdmissionPolicy", "shadow-reserved-pods");
    let conditions = policy.data["spec"]["matchConditions"].as_array().unwrap();
    let exempting = |account: &str| -> Vec<&str> {
        let all = conditions.iter().map(|one| one["expression"].as_str().unwrap());
        all.filter(|expression| expression.contains(account)).collect()
    };
    for account in ["'system:kube-controller-manager'", "statefulset-controller'"] {
        let [only] = exempting(account)[..] else {
            panic!("{account}: {:?}", exempting(account));
        };
        assert!(only.contains("owner.kind == 'StatefulSet'"), "{only}");
    }
}

/// The webhook is asked again when another one changed the object after it; that its answers stay is tested there.
#[test]
fn what_the_webhook_writes_is_looked_at_once_more() {
    let configuration = find("MutatingWebhookConfiguration", "shadow-webhook");
    assert_eq!(
        configuration.data["webhooks"][0]["reinvocationPolicy"],
        "IfNeeded"
    );
}

#[test]
fn the_webhook_writes_evacuations_and_nothing_else() {
    let role = find("ClusterRole", names::WEBHOOK_ACCOUNT);
    let writes: Vec<String> = role.data["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| {
            let mut verbs = rule["verbs"].as_array().unwrap().iter();
            verbs.any(|verb| !["get", "list", "watch"].contains(&verb.as_str().unwrap()))
        })
        .map(|rule| format!("{} {}", rule["resources"], rule["verbs"]))
        .collect();
    let wanted = [
        r#"["evacuations"] ["create","get","list"]"#,
        // Questions about rights, and its own certificate.
        r#"["subjectaccessreviews"] ["create"]"#,
        r#"["certificatesigningrequests"] ["create","get","list","watch"]"#,
    ];
    assert_eq!(writes, wanted);
}

/// What the phases of a migration are called, and its finalizer, the policy has to say as core does.
#[test]
fn the_controller_deletes_migrations_that_have_ended_and_no_other() {
    let policy = find("ValidatingAdmissionPolicy", "shadow-controller-deletes-plans");
    let spec = &policy.data["spec"];
    assert_eq!(spec["failurePolicy"], "Fail");
    assert_eq!(
        spec["matchConstraints"]["resourceRules"][0]["operations"],
        serde_json::json!(["DELETE"])
    );
    let validations: Vec<&str> = spec["validations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["expression"].as_str().unwrap())
        .collect();
    let [ended, stuck, held] = validations[..] else {
        panic!("{validations:?}");
    };
    let (_, list) = ended.split_once("in ['").unwrap();
    let mut phases: Vec<&str> = list.split_once("']").unwrap().0.split("', '").collect();
    let mut terminal: Vec<String> = [
        Phase::Pending,
        Phase::Checkpointing,
        Phase::Transferring,
        Phase::Restoring,
        Phase::Replaying,
        Phase::Finalizing,
        Phase::Undoing,
        Phase::Planned,
        Phase::Completed,
        Phase::Failed,
        Phase::Cancelled,
    ]
    .into_iter()
    .filter(|phase| phase.is_terminal())
    .map(|phase| format!("{phase:?}"))
    .collect();
    phases.sort_unstable();
    terminal.sort_unstable();
    assert_eq!(phases, terminal);
    assert!(
        ended.contains("completionTime") && !ended.contains("||"),
        "{ended}"
    );
    assert!(
        stuck.contains("!oldObject.?status.?conditions") && stuck.contains("'Stuck'"),
        "{stuck}"
    );
    assert!(held.contains(&format!("!('{}' in", names::FINALIZER)), "{held}");
}

#[test]
fn what_is_referred_to_comes_first() {
    let all = objects();
    let place = |wanted: &str| all.iter().position(|o| kind(o) == wanted).unwrap();
    let last = |wanted: &str| all.iter().rposition(|o| kind(o) == wanted).unwrap();
    assert!(last("Namespace") < place("ServiceAccount"));
    assert!(last("RoleBinding") < place("Deployment"));
    assert!(last("ValidatingAdmissionPolicyBinding") < place("Deployment"));
    assert!(last("DaemonSet") < place("MutatingWebhookConfiguration"));
    assert_eq!(kind(&all[0]), "CustomResourceDefinition");
}
