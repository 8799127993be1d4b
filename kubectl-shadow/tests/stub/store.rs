//! The objects, and what may be done with them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Answer, Asked, failure};

/// What the server holds and allows.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) objects: Vec<Value>,
    /// Logs of containers: pod, container, text.
    pub(crate) logs: Vec<(String, String, String)>,
    /// Resources that may not be read.
    pub(crate) hidden: BTreeSet<&'static str>,
    /// Verbs and resources that the user may not, as reviews tell: `create pods`.
    pub(crate) forbidden: BTreeSet<String>,
    /// Whether the controller may read Secrets, as reviews tell; none: the user may not ask.
    pub(crate) controller_reads: Option<bool>,
    /// What a dry-run creation of a migration is answered with.
    pub(crate) admission: (u16, String),
    /// `v1.36.3`.
    pub(crate) version: String,
}

impl Default for Cluster {
    fn default() -> Self {
        let refused = "admission webhook \"migrations.migration.ms2m.io\" denied the request: spec.sourcePod: pod \
                       \"x\" does not exist";
        Self {
            objects: Vec::new(),
            logs: Vec::new(),
            hidden: BTreeSet::new(),
            forbidden: BTreeSet::new(),
            controller_reads: Some(true),
            admission: (400, refused.to_owned()),
            version: "v1.36.3".to_owned(),
        }
    }
}

/// What a path names.
struct Named<'a> {
    group: &'a str,
    namespace: Option<&'a str>,
    plural: &'a str,
    name: Option<&'a str>,
    part: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let mut parts = path.trim_matches('/').split('/');
        let group = match parts.next()? {
            "api" => "",
            "apis" => parts.next()?,
            _ => return None,
        };
        parts.next()?;
        let rest: Vec<&str> = parts.collect();
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        Some(Self {
            group,
            namespace,
            plural: rest.first()?,
            name: rest.get(1).copied(),
            part: rest.get(2).copied(),
        })
    }
}

impl Cluster {
    pub(crate) fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.place() == "/version" {
            let (major, minor) = ("1", self.version.split('.').nth(1).unwrap_or_default());
            return Answer::Json(
                200,
                json!({"major": major, "minor": minor, "gitVersion": self.version, "buildDate": "", "compiler": "",
                    "gitCommit": "", "gitTreeState": "", "goVersion": "", "platform": "linux/amd64"}),
            );
        }
        if let Some(kinds) = self.listed(asked.place()) {
            return kinds;
        }
        let Some(named) = Named::of(asked.place()) else {
            return failure(404, "NotFound", "no such path", "");
        };
        if named.plural.ends_with("reviews") {
            return self.review(&named, asked);
        }
        if self.hidden.contains(named.plural) {
            let what = format!("{} is forbidden: User \"alice\" cannot read {0}", named.plural);
            return failure(403, "Forbidden", &what, named.name.unwrap_or_default());
        }
        match (asked.method.as_str(), named.name) {
            ("GET", Some(name)) if named.part == Some("log") => self.log(name, asked),
            ("GET", Some(_)) => self.one(&named),
            ("GET", None) => self.list(&named, asked),
            ("POST", None) if named.plural == "statefulmigrations" && asked.query().contains("dryRun") => {
                let (code, said) = self.admission.clone();
                failure(code, "BadRequest", &said, "x")
            }
            ("PATCH", Some(_)) => self.patch(&named, asked),
            _ => failure(405, "MethodNotAllowed", "not here", ""),
        }
    }

    /// The kinds of a group: its custom resources.
    fn listed(&self, path: &str) -> Option<Answer> {
        let (group, version) = path
            .strip_prefix("/apis/")?
            .split_once('/')
            .filter(|(_, rest)| !rest.contains('/'))?;
        let ours = self.objects.iter().filter(|one| one["spec"]["group"] == group);
        let resources: Vec<Value> = ours
            .map(|one| {
                let names = &one["spec"]["names"];
                json!({"name": names["plural"], "singularName": "", "namespaced": true, "kind": names["kind"], "verbs": ["get"]})
            })
            .collect();
        if resources.is_empty() {
            return None;
        }
        let list = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{group}/{version}"),
            "resources": resources});
        Some(Answer::Json(200, list))
    }

    fn review(&self, named: &Named<'_>, asked: &Asked) -> Answer {
        let attributes = &asked.body["spec"]["resourceAttributes"];
        let text = |name: &str| attributes[name].as_str().unwrap_or_default();
        let allowed = match named.plural {
            "selfsubjectreviews" => {
                let status = json!({"userInfo": {"username": "alice"}});
                return Answer::Json(201, json!({"metadata": {}, "status": status}));
            }
            "localsubjectaccessreviews" => match self.controller_reads {
                Some(allowed) => allowed,
                None => return failure(403, "Forbidden", "you may not ask for the rights of others", ""),
            },
            _ => !self
                .forbidden
                .contains(&format!("{} {}", text("verb"), text("resource"))),
        };
        let mut answer = asked.body.clone();
        answer["status"] = json!({"allowed": allowed});
        Answer::Json(201, answer)
    }

    fn log(&self, pod: &str, asked: &Asked) -> Answer {
        let of = |(of, container, _): &&(String, String, String)| {
            of == pod && asked.query().contains(&format!("container={container}"))
        };
        match self.logs.iter().find(of) {
            Some((_, _, text)) => Answer::Text(text.clone()),
            None => failure(404, "NotFound", "no such container", pod),
        }
    }

    fn position(&self, named: &Named<'_>) -> Option<usize> {
        self.objects
            .iter()
            .position(|object| is_of(object, named) && object["metadata"]["name"].as_str() == named.name)
    }

    fn one(&self, named: &Named<'_>) -> Answer {
        let name = named.name.unwrap_or_default();
        match self.position(named) {
            Some(index) => Answer::Json(200, self.objects[index].clone()),
            None => failure(
                404,
                "NotFound",
                &format!("{} \"{name}\" not found", named.plural),
                name,
            ),
        }
    }

    fn list(&self, named: &Named<'_>, asked: &Asked) -> Answer {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|object| is_of(object, named) && passes(object, asked.query()))
            .collect();
        Answer::Json(
            200,
            json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}),
        )
    }

    /// Merge patches and applied objects alike: for what is tested, both put fields in.
    fn patch(&mut self, named: &Named<'_>, asked: &Asked) -> Answer {
        let applies = asked.query().contains("fieldManager");
        let (index, found) = match self.position(named) {
            Some(index) => (Some(index), self.objects[index].clone()),
            None if applies => (None, asked.body.clone()),
            None => return self.one(named),
        };
        let mut object = found;
        json_patch::merge(&mut object, &asked.body);
        if asked.query().contains("dryRun") {
            return Answer::Json(200, object);
        }
        match index {
            Some(index) => self.objects[index] = object.clone(),
            None => self.objects.push(object.clone()),
        }
        self.follow(&object);
        Answer::Json(200, object)
    }

    /// What the controllers of Kubernetes make of a change.
    fn follow(&mut self, object: &Value) {
        if object["kind"] == "RoleBinding" {
            self.controller_reads = Some(true);
        }
        if object["kind"] == "Deployment" {
            let name = &object["metadata"]["name"];
            let sets = self.objects.iter_mut().filter(|set| {
                set["kind"] == "ReplicaSet" && set["metadata"]["ownerReferences"][0]["name"] == *name
            });
            for set in sets {
                json_patch::merge(
                    &mut set["metadata"]["annotations"],
                    &object["metadata"]["annotations"],
                );
            }
        }
    }
}

/// Whether an object is of this kind, and in this namespace.
fn is_of(object: &Value, named: &Named<'_>) -> bool {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let namespace = object["metadata"]["namespace"].as_str();
    let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
    let plural = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    };
    group == named.group
        && plural == named.plural
        && (named.namespace.is_none() || named.namespace == namespace)
}

/// Labels of the form `key=value` and the name are looked at; other field selectors are not.
fn passes(object: &Value, query: &str) -> bool {
    let name = query
        .split('&')
        .find_map(|part| part.strip_prefix("fieldSelector=metadata.name%3D"));
    if name.is_some_and(|name| object["metadata"]["name"] != name) {
        return false;
    }
    let selector = query
        .split('&')
        .find_map(|part| part.strip_prefix("labelSelector="));
    let Some(selector) = selector else { return true };
    let selector = selector.replace("%2F", "/").replace("%3D", "=");
    let wanted = selector.split_once('=').unwrap_or((&selector, ""));
    object["metadata"]["labels"][wanted.0].as_str() == Some(wanted.1)
}
