//! Which context, cluster and user of a kubeconfig are used. What is not there is told with what there is.

use kube::config::{AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedCluster, NamedContext};

use super::{Source, typed};
use crate::cli::Place;

/// The name of the context and the cluster that exist on the command line only.
const TYPED: &str = "command line";

/// What of it is used.
pub(in crate::connection) struct Chosen {
    /// For the library.
    pub(in crate::connection) options: KubeConfigOptions,
    /// Name of the context, unless there is none.
    pub(in crate::connection) context: Option<String>,
    /// Cluster, with what the flags say.
    pub(in crate::connection) cluster: Cluster,
    /// User, with what the flags say; its name stands before it.
    pub(in crate::connection) user: (String, AuthInfo),
}

/// Chooses context, cluster and user, and puts into the kubeconfig what the flags say of them.
pub(in crate::connection) fn choose(source: &mut Source, place: &Place) -> Result<Chosen, String> {
    let files = source.files.clone();
    let config = &mut source.config;
    let context = context(config, place, &files)?;
    let of_context = config
        .contexts
        .iter()
        .find(|named| Some(&named.name) == context.as_ref())
        .and_then(|named| named.context.clone())
        .unwrap_or_default();
    let cluster_name = cluster(config, place, &of_context, context.as_deref(), &files)?;
    let user_name = place.user.clone().or(of_context.user).unwrap_or_default();
    let user = match config.auth_infos.iter().find(|named| named.name == user_name) {
        Some(named) => named.auth_info.clone().unwrap_or_default(),
        None if place.user.is_some() => {
            let names = config.auth_infos.iter().map(|named| named.name.as_str());
            return Err(unknown("user", &user_name, &files, names));
        }
        None => AuthInfo::default(),
    };
    let changed = config
        .clusters
        .iter_mut()
        .find(|named| named.name == cluster_name)
        .map(|named| {
            let cluster = named.cluster.get_or_insert_default();
            typed::cluster(cluster, place);
            cluster.clone()
        });
    Ok(Chosen {
        options: KubeConfigOptions {
            context: context.clone().or_else(|| Some(TYPED.to_owned())),
            cluster: Some(cluster_name),
            user: Some(user_name.clone()),
        },
        context,
        cluster: changed.unwrap_or_default(),
        user: (user_name, typed::user(user, place)),
    })
}

/// The name of the context, which exists. None only if the flags say all that is needed.
fn context(config: &mut Kubeconfig, place: &Place, files: &str) -> Result<Option<String>, String> {
    let current = config.current_context.clone().filter(|name| !name.is_empty());
    let wanted = place.context.clone().or(current);
    let names: Vec<&str> = config.contexts.iter().map(|named| named.name.as_str()).collect();
    match wanted {
        Some(name) if names.contains(&name.as_str()) => Ok(Some(name)),
        Some(name) => Err(unknown("context", &name, files, names.into_iter())),
        None if place.server.is_some() || place.cluster.is_some() => {
            config.contexts.push(NamedContext {
                name: TYPED.to_owned(),
                context: Some(Context::default()),
                ..NamedContext::default()
            });
            Ok(None)
        }
        None => Err(format!(
            "{files} names no current context. Name one with --context; {}",
            it_has(names.into_iter())
        )),
    }
}

/// The name of the cluster, which exists.
fn cluster(
    config: &mut Kubeconfig,
    place: &Place,
    of_context: &Context,
    context: Option<&str>,
    files: &str,
) -> Result<String, String> {
    let has = |name: &str| config.clusters.iter().any(|named| named.name == name);
    let names = || config.clusters.iter().map(|named| named.name.as_str());
    match (&place.cluster, context) {
        (Some(name), _) if has(name) => Ok(name.clone()),
        (Some(name), _) => Err(unknown("cluster", name, files, names())),
        (None, _) if has(&of_context.cluster) => Ok(of_context.cluster.clone()),
        (None, _) if place.server.is_some() => {
            config.clusters.push(NamedCluster {
                name: TYPED.to_owned(),
                cluster: Some(Cluster::default()),
                ..NamedCluster::default()
            });
            Ok(TYPED.to_owned())
        }
        (None, context) => Err(format!(
            "context {:?} of {files} names cluster {:?}, which is not there. Name another with --cluster; {}",
            context.unwrap_or_default(),
            of_context.cluster,
            it_has(names())
        )),
    }
}

fn unknown<'a>(what: &str, name: &str, files: &str, names: impl Iterator<Item = &'a str>) -> String {
    format!("no {what} {name:?} in {files}; {}", it_has(names))
}

fn it_has<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::empty;
    use super::*;
    use crate::cli::Cli;

    const FILE: &str = "
current-context: prod
clusters:
- {name: east, cluster: {server: 'https://east', certificate-authority-data: eA==, tls-server-name: kube}}
- {name: west, cluster: {server: 'https://west'}}
contexts:
- {name: prod, context: {cluster: east, user: anna}}
- {name: test, context: {cluster: north, user: anna}}
users:
- {name: anna, user: {exec: {apiVersion: v1, command: login}}}
- {name: bert, user: {token: b}}
";

    fn source(text: &str) -> Source {
        Source {
            config: Kubeconfig::from_yaml(text).unwrap(),
            files: "FILE".to_owned(),
        }
    }

    fn place(flags: &[&str]) -> Place {
        let fixed = ["kubectl-shadow", "status", "x"];
        Cli::try_parse_from(fixed.iter().chain(flags)).unwrap().place
    }

    fn chosen(flags: &[&str]) -> Result<Chosen, String> {
        choose(&mut source(FILE), &place(flags))
    }

    #[test]
    fn what_is_wrong_is_told_with_the_file_and_what_there_is() {
        let cases = [
            (
                &["--context", "prd"][..],
                "no context \"prd\" in FILE; it has prod, test",
            ),
            (&["--cluster", "x"], "no cluster \"x\" in FILE; it has east, west"),
            (&["--user", "x"], "no user \"x\" in FILE; it has anna, bert"),
            (
                &["--context", "test"],
                "context \"test\" of FILE names cluster \"north\"",
            ),
        ];
        for (flags, told) in cases {
            let error = chosen(flags).err().unwrap();
            assert!(error.starts_with(told), "{error}");
        }
        let error = choose(&mut source("clusters: []"), &place(&[])).err().unwrap();
        assert!(error.contains("no current context"), "{error}");
    }

    #[test]
    fn flags_choose_cluster_and_user() {
        let usual = chosen(&[]).ok().unwrap();
        assert_eq!(usual.context.as_deref(), Some("prod"));
        assert_eq!(usual.cluster.server.as_deref(), Some("https://east"));
        assert!(usual.user.1.exec.is_some());
        let other = chosen(&["--cluster", "west", "--user", "bert"]).ok().unwrap();
        assert_eq!(other.cluster.server.as_deref(), Some("https://west"));
        assert_eq!(other.user.0, "bert");
    }

    #[test]
    fn another_server_has_another_name_and_a_token_runs_no_plugin() {
        let typed = chosen(&[
            "-s",
            "https://other",
            "--token",
            "t",
            "--as",
            "carl",
            "--as-group",
            "ops",
            "--as-group",
            "dev",
        ]);
        let typed = typed.ok().unwrap();
        assert_eq!(typed.cluster.server.as_deref(), Some("https://other"));
        assert_eq!(typed.cluster.tls_server_name, None);
        assert!(typed.cluster.certificate_authority_data.is_some());
        let user = typed.user.1;
        assert!(user.exec.is_none() && user.token.is_some());
        assert_eq!(user.impersonate.as_deref(), Some("carl"));
        assert_eq!(user.impersonate_groups.unwrap(), ["ops", "dev"]);
    }

    #[test]
    fn trust_that_is_typed_takes_the_place_of_the_one_in_the_file() {
        let insecure = chosen(&["--insecure-skip-tls-verify"]).ok().unwrap().cluster;
        assert_eq!(insecure.insecure_skip_tls_verify, Some(true));
        assert!(insecure.certificate_authority_data.is_none());
        let authority = chosen(&["--certificate-authority", "/ca.crt", "--tls-server-name", "k"])
            .ok()
            .unwrap()
            .cluster;
        assert_eq!(authority.certificate_authority.as_deref(), Some("/ca.crt"));
        assert!(authority.certificate_authority_data.is_none());
        assert_eq!(authority.tls_server_name.as_deref(), Some("k"));
    }

    #[test]
    fn a_server_needs_no_file() {
        let chosen = choose(&mut empty(), &place(&["--server", "https://alone"]))
            .ok()
            .unwrap();
        assert_eq!(chosen.context, None);
        assert_eq!(chosen.cluster.server.as_deref(), Some("https://alone"));
    }
}
