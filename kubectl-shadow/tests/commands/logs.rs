//! `logs`: which lines are shown, in which order, and what is shown to users who may not read them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::stub::{Answer, Asked, Stub, err, failure, list, out};
use crate::{migration, undone};

fn log(asked: &Asked) -> Answer {
    let line = |time: &str, message: &str, rest: &str| {
        format!(
            "2026-01-02T03:04:{time}Z {{\"level\":\"INFO\",\"fields\":{{\"message\":\"{message}\",{rest}}}}}\n"
        )
    };
    Answer::Text(match asked.place() {
        "/api/v1/namespaces/shadow-system/pods/c-1/log" => [
            line("05.2", "step", "\"migration\":\"orders-0-a\",\"step\":\"Hold\""),
            line("05.3", "step", "\"migration\":\"carts-0-a\""),
            line("05.9", "ended", "\"migration\":\"orders-0-a\""),
        ]
        .concat(),
        _ => [
            line("05.4", "restore announced", "\"key\":\"uid-orders-0-a-1-0\""),
            line("05.5", "restore announced", "\"key\":\"uid-other-1-0\""),
        ]
        .concat(),
    })
}

fn answer(asked: &Asked) -> Answer {
    let pod = |name: &str, part: &str, containers: &[&str]| {
        let containers: Vec<_> = containers
            .iter()
            .map(|name| json!({"name": name, "image": "i"}))
            .collect();
        json!({"metadata": {"name": name, "labels": {"app.kubernetes.io/name": part}},
            "spec": {"nodeName": "node-b", "containers": containers}})
    };
    match asked.place() {
        "/api/v1/namespaces/shadow-system/pods" => list(
            "PodList",
            vec![
                pod("a-1", "shadow-agent", &["agent"]),
                pod("c-1", "shadow-controller", &["controller"]),
            ],
        ),
        path if path.ends_with("/log") => log(asked),
        path if path.ends_with("/statefulmigrations/orders-0-a") => {
            let mut status = undone();
            status["conditions"] = json!([{"type": "Failed", "status": "True", "reason": "NotParked", "message": "not parked",
                "lastTransitionTime": "2026-01-02T03:04:06Z"}]);
            Answer::Json(200, migration("orders-0-a", "orders-0", status))
        }
        "/api/v1/namespaces/shop/events" => list(
            "EventList",
            vec![
                json!({"metadata": {"name": "e"}, "involvedObject": {}, "reason": "Undone", "message": "the source goes on",
                "eventTime": "2026-01-02T03:04:07.000000Z"}),
            ],
        ),
        _ => failure(404, "NotFound", "not found", "x"),
    }
}

#[test]
fn the_lines_of_a_migration_are_shown_in_the_order_of_their_times() {
    let stub = Stub::that_answers(answer);
    let output = stub.runs(&["logs", "orders-0-a"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(
        out(&output),
        "03:04:05.200  controller  step  migration=orders-0-a  step=Hold\n\
         03:04:05.400  agent@node-b  restore announced  key=uid-orders-0-a-1-0\n\
         03:04:05.900  controller  ended  migration=orders-0-a\n"
    );
    let asked = stub
        .asked()
        .into_iter()
        .find(|asked| asked.path.contains("/c-1/log"))
        .unwrap();
    assert!(
        asked.path.contains("sinceTime=2026-01-02T03%3A03%3A55Z"),
        "{}",
        asked.path
    );
    assert!(asked.path.contains("container=controller"), "{}", asked.path);
}

#[test]
fn users_without_the_right_get_conditions_and_events() {
    let denied = ["/pods", "/log"];
    for part in denied {
        let stub = Stub::that_answers(move |asked| {
            if asked.place().contains("shadow-system") && asked.place().ends_with(part) {
                failure(403, "Forbidden", "you may not", "")
            } else {
                answer(asked)
            }
        });
        let output = stub.runs(&["logs", "orders-0-a"]);
        assert_eq!(output.status.code(), Some(1), "{part}");
        assert!(
            err(&output).contains("get on pods/log in namespace shadow-system"),
            "{}",
            err(&output)
        );
        assert_eq!(
            out(&output),
            "03:04:06  condition  Failed=True NotParked: not parked\n03:04:07  event      Undone the source goes on\n",
            "{part}"
        );
        let events = stub
            .asked()
            .into_iter()
            .find(|asked| asked.path.contains("/events"))
            .unwrap();
        assert!(
            events.path.contains("involvedObject.uid%3Duid-orders-0-a"),
            "{}",
            events.path
        );
    }
}

/// A log that ends is opened again, and its lines are told once.
#[test]
fn following_tells_each_line_once() {
    let stub = Stub::that_answers(answer);
    let mut child = stub
        .program(&["logs", "orders-0-a", "-f"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told: Vec<String> = (0..3).map(|_| lines.next().unwrap().unwrap()).collect();
    while stub
        .asked()
        .iter()
        .filter(|asked| asked.path.contains("/c-1/log"))
        .count()
        < 3
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(lines.count(), 0);
    told.sort();
    assert!(
        told[0].contains("step=Hold") && told[1].contains("agent@node-b") && told[2].contains("ended"),
        "{told:?}"
    );
    let again = stub
        .asked()
        .into_iter()
        .rfind(|asked| asked.path.contains("/c-1/log"))
        .unwrap();
    assert!(
        again.path.contains("follow=true") && again.path.contains("03%3A04%3A05Z"),
        "{}",
        again.path
    );
}
