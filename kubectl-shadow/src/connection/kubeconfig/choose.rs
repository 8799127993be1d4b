//! Which context, cluster and user of a kubeconfig are used. What is not there is told with what there is.

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig};

use super::{Source, typed};
use crate::cli::Place;

/// What of it is used.
pub(in crate::connection) struct Chosen {
    /// Name of the context, unless there is none.
    pub(in crate::connection) context: Option<String>,
    /// Namespace of the context, if it has one.
    pub(in crate::connection) namespace: Option<String>,
    /// Cluster, with what the flags say.
    pub(in crate::connection) cluster: Cluster,
    /// User, with what the flags say; its name stands before it.
    pub(in crate::connection) user: (String, AuthInfo),
}

/// Chooses context, cluster and user, with what the flags say of them.
pub(in crate::connection) fn choose(source: &Source, place: &Place) -> Result<Chosen, String> {
    let (config, files) = (&source.config, source.files.as_str());
    let name = context(config, place, files)?;
    let of_context = config
        .contexts
        .iter()
        .find(|named| Some(&named.name) == name.as_ref())
        .and_then(|named| named.context.clone())
        .unwrap_or_default();
    let mut cluster = cluster(config, place, &of_context, name.as_deref(), files)?;
    typed::cluster(&mut cluster, place);
    Ok(Chosen {
        context: name,
        namespace: of_context.namespace.clone().filter(|name| !name.is_empty()),
        cluster,
        user: user(config, place, of_context, files)?,
    })
}

/// The name of the context, which exists. None only if the flags say all that is needed.
fn context(config: &Kubeconfig, place: &Place, files: &str) -> Result<Option<String>, String> {
    let current = config.current_context.clone().filter(|name| !name.is_empty());
    let wanted = place.context.clone().or(current);
    let names: Vec<&str> = config.contexts.iter().map(|named| named.name.as_str()).collect();
    match wanted {
        Some(name) if names.contains(&name.as_str()) => Ok(Some(name)),
        Some(name) => Err(unknown("context", &name, files, names.into_iter())),
        None if place.server.is_some() || place.cluster.is_some() => Ok(None),
        None => Err(format!(
            "{files} names no current context. Name one with --context; {}",
            it_has(names.into_iter())
        )),
    }
}

/// The cluster, which exists, or which the flags alone describe.
fn cluster(
    config: &Kubeconfig,
    place: &Place,
    of_context: &Context,
    context: Option<&str>,
    files: &str,
) -> Result<Cluster, String> {
    let find = |name: &str| {
        let found = config.clusters.iter().find(|named| named.name == name);
        found.map(|named| named.cluster.clone().unwrap_or_default())
    };
    let names = || config.clusters.iter().map(|named| named.name.as_str());
    if let Some(name) = &place.cluster {
        return find(name).ok_or_else(|| unknown("cluster", name, files, names()));
    }
    match find(&of_context.cluster) {
        Some(cluster) => Ok(cluster),
        None if place.server.is_some() => Ok(Cluster::default()),
        None => Err(format!(
            "context {:?} of {files} names cluster {:?}, which is not there. Name another with --cluster; {}",
            context.unwrap_or_default(),
            of_context.cluster,
            it_has(names())
        )),
    }
}

/// The user. One that only the context names may be missing, as with kubectl.
fn user(
    config: &Kubeconfig,
    place: &Place,
    of_context: Context,
    files: &str,
) -> Result<(String, AuthInfo), String> {
    let name = place.user.clone().or(of_context.user).unwrap_or_default();
    let found = config.auth_infos.iter().find(|named| named.name == name);
    if found.is_none() && place.user.is_some() {
        let names = config.auth_infos.iter().map(|named| named.name.as_str());
        return Err(unknown("user", &name, files, names));
    }
    let user = found
        .and_then(|named| named.auth_info.clone())
        .unwrap_or_default();
    Ok((name, typed::user(user, place)?))
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
        choose(&source(FILE), &place(flags))
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
        let error = choose(&source("clusters: []"), &place(&[])).err().unwrap();
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
    fn groups_and_more_need_a_user_to_act_as() {
        for (flag, value) in [
            ("--as-uid", "7"),
            ("--as-group", "ops"),
            ("--as-user-extra", "a=b"),
        ] {
            let error = chosen(&[flag, value]).err().unwrap();
            assert_eq!(error, format!("{flag} needs a user to act as. Add --as USER"));
        }
        let typed = [
            "--as",
            "carl",
            "--as-user-extra",
            "a=1",
            "--as-user-extra",
            "a=2",
            "--as-user-extra",
            "b=3",
        ];
        let extra = chosen(&typed)
            .ok()
            .unwrap()
            .user
            .1
            .impersonate_user_extra
            .unwrap();
        assert_eq!(
            (&extra["a"][..], &extra["b"][..]),
            (&["1", "2"].map(str::to_owned)[..], &["3".to_owned()][..])
        );
    }

    #[test]
    fn a_server_needs_no_file() {
        let chosen = choose(&empty(), &place(&["--server", "https://alone"]))
            .ok()
            .unwrap();
        assert_eq!(chosen.context, None);
        assert_eq!(chosen.cluster.server.as_deref(), Some("https://alone"));
    }
}
