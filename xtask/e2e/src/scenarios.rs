//! Every scenario: what it promises, how long it takes, whether it belongs to the fixed core, and whether it may run beside
//! another. One list, however long: its order is the order in which they run.

use anyhow::Result;

use crate::Bench;
use crate::{
    as_printed, aside, backends, brokers, by_image, bystanders, cancel, commands, concurrency, dialled,
    drains, evictions, failures, faults, first_move, hostile, image, in_terminal, inexact, keeping, kills,
    leases, live, max_pause, monitoring, namespaces, pauses, plans, plugin, policies, polling, protected,
    reboots, reference, refusals, rehearsals, removal, reserved, rights, round_trips, scripts, turns, waits,
    watched, whole_drains, workloads,
};

/// One scenario.
pub(crate) struct Scenario {
    /// The promise, as a short claim.
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Bench) -> Result<()>,
    /// How long it takes on two cores, measured on 2026-11-23, of later ones on 2026-11-30 (of the four moves, rehearsals, turns,
    /// kept migrations and policies: estimated); parts are balanced by it.
    pub(crate) seconds: u32,
    pub(crate) role: Role,
    pub(crate) company: Company,
}

/// When it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// In every run.
    Core,
    /// In every fifth run; why that is enough.
    Rest(&'static str),
    /// In runs of everything only: it takes minutes, or it is new and no run of everything has had it yet; why that is enough.
    Whole(&'static str),
}

/// What may run beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// Nothing: it asserts times or HTTP probes, or it takes something away that others need.
    Alone,
    /// Other scenarios, each with a namespace, a virtual host and a user of its own.
    Shared,
}

impl Company {
    /// For a person.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Shared => "beside others",
        }
    }
}

/// Names of all scenarios.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|scenario| scenario.name)
}

/// All of them. Those that share the cluster run first, the others in this order; the last one takes the product away.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "four moves at 100 msg/s are exact",
        run: round_trips::four_at_100_a_second,
        seconds: 45,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "ten moves at 100 msg/s are exact",
        run: round_trips::at_100_a_second,
        seconds: 93,
        role: Role::Rest("the core makes four of the same moves"),
        company: Company::Alone,
    },
    Scenario {
        name: "moves beyond what the consumer can serve are exact",
        run: round_trips::beyond_capacity,
        seconds: 50,
        role: Role::Rest("the hold of the core's moves, with a longer backlog"),
        company: Company::Alone,
    },
    Scenario {
        name: "files open in the old pod are open in the new one",
        run: round_trips::with_open_files,
        seconds: 21,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a checkpoint through kubelet moves exactly",
        run: backends::through_kubelet,
        seconds: 24,
        role: Role::Rest("a second back-end; the agent's own is in the core"),
        company: Company::Shared,
    },
    Scenario {
        name: "an archive through a registry moves exactly",
        run: backends::through_a_registry,
        seconds: 21,
        role: Role::Core,
        company: Company::Shared,
    },
    Scenario {
        name: "a registry that asks for a password gets the one of the Secret",
        run: backends::with_a_password,
        seconds: 38,
        role: Role::Rest("the way through a registry is in the core; what refuses a password is unit-tested"),
        company: Company::Shared,
    },
    Scenario {
        name: "a pod that nobody owns is restored by image, exactly, and never again",
        run: by_image::of_a_lone_pod,
        seconds: 44,
        role: Role::Rest("the core restores by image a pod of a Deployment"),
        company: Company::Shared,
    },
    Scenario {
        name: "a pod of a Deployment is restored by image, exactly, and never again",
        run: by_image::of_a_deployment,
        seconds: 27,
        role: Role::Core,
        company: Company::Shared,
    },
    Scenario {
        name: "a pod of a StatefulSet is restored by image, exactly, and never again",
        run: by_image::of_a_stateful_set,
        seconds: 50,
        role: Role::Rest("the core restores by image a pod of a Deployment"),
        company: Company::Shared,
    },
    Scenario {
        name: "a pod that cannot be restored by image goes on",
        run: by_image::of_an_image_in_plain_http,
        seconds: 43,
        role: Role::Rest("the way back is the one of the core's undone moves"),
        company: Company::Shared,
    },
    Scenario {
        name: "a pod of a Deployment moves exactly",
        run: workloads::of_a_deployment,
        seconds: 23,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a pod that nobody owns moves exactly",
        run: workloads::that_nobody_owns,
        seconds: 22,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "an application that knows nothing of migrations moves exactly",
        run: workloads::that_knows_nothing,
        seconds: 37,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a source that goes on during its move is exact",
        run: live::moves,
        seconds: 55,
        role: Role::Rest("Live is a variant; its broker side is protocol-tested in every run"),
        company: Company::Alone,
    },
    Scenario {
        name: "a live move that is called off leads its source back",
        run: live::called_off,
        seconds: 41,
        role: Role::Rest("Live is a variant; its broker side is protocol-tested in every run"),
        company: Company::Alone,
    },
    Scenario {
        name: "an application that looks for control messages only when idle moves exactly",
        run: polling::at_every_rate,
        seconds: 154,
        role: Role::Rest("the fence is protocol-tested in every run"),
        company: Company::Alone,
    },
    Scenario {
        name: "a pod moves sequentially as asked",
        run: workloads::sequentially,
        seconds: 24,
        role: Role::Core,
        company: Company::Shared,
    },
    Scenario {
        name: "a pod moves with its volume",
        run: workloads::with_its_volume,
        seconds: 32,
        role: Role::Rest("the core moves sequentially without a volume"),
        company: Company::Shared,
    },
    Scenario {
        name: "a sequential source stands still from its dump to its end",
        run: faults::standing::all,
        seconds: 110,
        role: Role::Rest("the core moves sequentially; every death in every round is in the simulated world"),
        company: Company::Alone,
    },
    Scenario {
        name: "a sequential source outlives an API server that is cut off",
        run: faults::unheard::all,
        seconds: 150,
        role: Role::Rest(
            "every silent part is in the simulated world, and what the node does by itself in a table",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "a controller whose connections are dropped keeps no stream",
        run: faults::unheard::connections,
        seconds: 60,
        role: Role::Rest("leadership and the limits of calls are unit-tested"),
        company: Company::Alone,
    },
    Scenario {
        name: "a pod of an ordered set moves alone",
        run: workloads::of_an_ordered_set,
        seconds: 25,
        role: Role::Rest("the core's moves of a StatefulSet, with another pod management policy"),
        company: Company::Alone,
    },
    Scenario {
        name: "manifests of the reference system move exactly",
        run: reference::manifests,
        seconds: 56,
        role: Role::Rest("what differs is admission, which is unit-tested"),
        company: Company::Shared,
    },
    Scenario {
        name: "scripts of the reference system wait for their move and get its figures",
        run: scripts::get_their_figures,
        seconds: 30,
        role: Role::Rest(
            "figures and conditions are unit-tested; what is left is kubectl's own reading of them",
        ),
        company: Company::Shared,
    },
    Scenario {
        name: "bad input is answered within 5 s and changes nothing",
        run: refusals::all,
        seconds: 28,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a broker that must not be dialled is refused, and one without TLS is warned of",
        run: dialled::are_refused,
        seconds: 60,
        role: Role::Rest("the guard and its words are tested against a real RabbitMQ in every run"),
        company: Company::Alone,
    },
    Scenario {
        name: "a script reads how a move ended through a closed pipe",
        run: plugin::through_a_pipe,
        seconds: 20,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a script does not take a lost memory or a doubt for a move",
        run: plugin::what_a_script_must_not_take_for_moved,
        seconds: 45,
        role: Role::Rest(
            "the exit codes are tested with a pipe in every run; the core reads three of them on the cluster",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "what cannot be dumped is refused before anything is touched",
        run: faults::undumpable::all,
        seconds: 10,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "shared memory with a name is refused before anything is touched",
        run: faults::undumpable::shared_memory,
        seconds: 10,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a copy runs from its source's image after the tag was pushed again",
        run: image::pushed_again,
        seconds: 60,
        role: Role::Rest("how an image is named and pinned is unit-tested"),
        company: Company::Shared,
    },
    Scenario {
        name: "a connection to another container is refused before anything is touched",
        run: faults::undumpable::neighbour,
        seconds: 12,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a process that CRIU may not read is refused before anything is touched",
        run: faults::undumpable::other_user,
        seconds: 12,
        role: Role::Rest("the rule is unit-tested, and so is what the kernel says of users"),
        company: Company::Alone,
    },
    Scenario {
        name: "what is not exact takes a policy, and says so",
        run: inexact::with_a_policy,
        seconds: 35,
        role: Role::Rest("the rule is unit-tested, its admission too"),
        company: Company::Shared,
    },
    Scenario {
        name: "status says on what an exact, a refused and an allowed move rest",
        run: as_printed::of_three_moves,
        seconds: 60,
        role: Role::Rest("screens are unit-tested; it fills docs/status.md"),
        company: Company::Shared,
    },
    Scenario {
        name: "a finished migration goes after its time, and an old one by the history limit",
        run: keeping::of_what_has_ended,
        seconds: 110,
        role: Role::Rest(
            "what goes is decided purely and unit-tested; what is left is the deletion and its admission",
        ),
        company: Company::Shared,
    },
    Scenario {
        name: "a plan says what a move would do and changes nothing",
        run: plans::change_nothing,
        seconds: 30,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a rehearsed plan dumps once and leaves nothing",
        run: rehearsals::once,
        seconds: 30,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a rehearsal outlives its controller and leaves nothing",
        run: rehearsals::outlive_the_controller,
        seconds: 40,
        role: Role::Rest("who removes a rehearsal, and when, is unit-tested; the core rehearses a plan"),
        company: Company::Alone,
    },
    Scenario {
        name: "commands that look tell the truth about a cluster and a move",
        run: commands::tell_the_truth,
        seconds: 40,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a move that takes long shows its bytes, its freeze and its rates",
        run: watched::while_it_goes_on,
        seconds: 36,
        role: Role::Rest(
            "what is asked and what is written of it is unit-tested, and so is what an agent tells",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "a real Prometheus sees a drain, and every query gives a series",
        run: monitoring::of_a_drain,
        seconds: 45,
        role: Role::Rest(
            "what is counted is unit-tested; names of series are compared with the queries in deploy/tests",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "a drain moves every consumer once and goes on after an interruption",
        run: drains::of_five_consumers,
        seconds: 90,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a move is watched, wound back and undone in a real terminal",
        run: in_terminal::a_move,
        seconds: 21,
        role: Role::Rest("the view is tested in a pseudo terminal and from recordings"),
        company: Company::Alone,
    },
    Scenario {
        name: "the view says that the API server is silent, and goes on by itself",
        run: in_terminal::a_silent_api_server,
        seconds: 32,
        role: Role::Rest("what is not seen is in the screens"),
        company: Company::Alone,
    },
    Scenario {
        name: "a drain is stopped and ended in a real terminal",
        run: in_terminal::a_drain,
        seconds: 23,
        role: Role::Rest("the core drains without a terminal"),
        company: Company::Alone,
    },
    Scenario {
        name: "kubectl drain moves what opted in, once each, and spares the copies",
        run: evictions::by_kubectl_drain,
        seconds: 30,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "an eviction that is repeated with and without a UID does no harm",
        run: evictions::repeated,
        seconds: 28,
        role: Role::Rest("the core's drain repeats evictions, too; each answer is in a table"),
        company: Company::Alone,
    },
    Scenario {
        name: "a client that evicts every ten seconds does no harm, also while the other node is removed",
        run: evictions::every_ten_seconds,
        seconds: 140,
        role: Role::Rest("each answer is in a table"),
        company: Company::Alone,
    },
    Scenario {
        name: "kubectl drain moves five consumers of four kinds once each, beside a budget and a Job",
        run: whole_drains::by_kubectl,
        seconds: 85,
        role: Role::Rest("the core drains two consumers by kubectl"),
        company: Company::Alone,
    },
    Scenario {
        name: "kubectl shadow drain works where evictions become moves",
        run: whole_drains::by_our_own,
        seconds: 75,
        role: Role::Rest("the core drains with each of the two"),
        company: Company::Alone,
    },
    Scenario {
        name: "an evicted pod waits for a node that comes",
        run: waits::for_a_node,
        seconds: 30,
        role: Role::Rest("each wait and its end is in a table"),
        company: Company::Alone,
    },
    Scenario {
        name: "a move takes its place of a budget from other evictions",
        run: waits::for_a_budget,
        seconds: 30,
        role: Role::Rest("what is counted is in a table, and each caller has a test of its own"),
        company: Company::Alone,
    },
    Scenario {
        name: "a drain that is given up cancels what waits",
        run: waits::given_up,
        seconds: 12,
        role: Role::Rest("the decision is in a table"),
        company: Company::Alone,
    },
    Scenario {
        name: "no move begins from a node that leaves too soon",
        run: waits::too_late,
        seconds: 15,
        role: Role::Rest("the decision is in a table"),
        company: Company::Alone,
    },
    Scenario {
        name: "a stand-in is deleted during its move by those of right only",
        run: protected::from_deletion,
        seconds: 20,
        role: Role::Rest(
            "each identity is unit-tested; what is left is the API server's own reading of the rule",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "with the webhook away an eviction goes as ever",
        run: evictions::without_the_webhook,
        seconds: 18,
        role: Role::Rest("the rule's failure policy is unit-tested"),
        company: Company::Alone,
    },
    Scenario {
        name: "while moves are paused none begins, and evictions wait",
        run: pauses::none_begins,
        seconds: 30,
        role: Role::Rest("the decisions are tables in the core; each caller has a test of its own"),
        company: Company::Alone,
    },
    Scenario {
        name: "policies of cluster and namespace refuse, fill in and allow, in their own words",
        run: policies::decide,
        seconds: 25,
        role: Role::Rest(
            "the decisions are tables and properties in the core; webhook and plugin have tests of their own",
        ),
        company: Company::Shared,
    },
    Scenario {
        name: "nothing that a user sends ends the controller or the webhook",
        run: hostile::all,
        seconds: 120,
        role: Role::Rest("each kind is tested at the part that it ended"),
        company: Company::Alone,
    },
    Scenario {
        name: "several pods move at once",
        run: concurrency::different_pods,
        seconds: 48,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "of many moves of one pod one is made",
        run: concurrency::one_pod,
        seconds: 26,
        role: Role::Rest("Leases are unit-tested; the core moves several pods at once"),
        company: Company::Alone,
    },
    Scenario {
        name: "of two namespaces with many and few moves the few are not last",
        run: turns::go_round,
        seconds: 110,
        role: Role::Rest("turns are played through in the core's tests"),
        company: Company::Alone,
    },
    Scenario {
        name: "who comes late leaves a pod to the holder of its Lease",
        run: leases::held_and_left,
        seconds: 31,
        role: Role::Rest("Leases are unit-tested; the core moves several pods at once"),
        company: Company::Alone,
    },
    Scenario {
        name: "a cancelled move is undone or finishes",
        run: cancel::by_command,
        seconds: 58,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a move that is called off while it holds lets go at once",
        run: faults::called_off::while_held,
        seconds: 45,
        role: Role::Rest("the core cancels a move at several moments"),
        company: Company::Alone,
    },
    Scenario {
        name: "a hold is given back when maxPause is spent",
        run: max_pause::bounds_each_hold,
        seconds: 95,
        role: Role::Rest(
            "spent in each round of a hold in the simulated world; the core undoes moves by cancelling them",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "a deleted move never stops its pod",
        run: cancel::by_deletion,
        seconds: 49,
        role: Role::Rest("the core cancels by command; deletion leads to the same step"),
        company: Company::Shared,
    },
    Scenario {
        name: "a source that crashes is left to Kubernetes",
        run: failures::source_crashes,
        seconds: 20,
        role: Role::Core,
        company: Company::Shared,
    },
    Scenario {
        name: "an agent that dies before the commit costs nothing",
        run: failures::agent_dies,
        seconds: 38,
        role: Role::Rest("every step without its agent is in the simulated world"),
        company: Company::Alone,
    },
    Scenario {
        name: "a broker connection that is cut costs nothing",
        run: failures::broker_connection_is_cut,
        seconds: 39,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a broker that dies and comes back loses and reorders nothing",
        run: failures::broker_dies,
        seconds: 32,
        role: Role::Rest("the core cuts the connections"),
        company: Company::Alone,
    },
    Scenario {
        name: "a webhook that is away stops no other pod, and the move waits for it",
        run: faults::webhook::is_away,
        seconds: 30,
        role: Role::Rest("the wait is in the simulated world"),
        company: Company::Alone,
    },
    Scenario {
        name: "what makes a pod a restore is refused to users, and no pod waits for the webhook",
        run: reserved::for_us_alone,
        seconds: 25,
        role: Role::Rest(
            "the core moves pods whose marks these are; the policies' rules are read by a test without a cluster",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "what each identity may do is what its page says",
        run: rights::are_as_told,
        seconds: 15,
        role: Role::Rest("the page is made from the manifests, and a test reads it"),
        company: Company::Alone,
    },
    Scenario {
        name: "a moved pod starts again after a reboot while nothing of the product runs",
        run: reboots::with_nothing_of_ours,
        seconds: 45,
        role: Role::Rest("a marker on disk and one line of the runtime wrapper"),
        company: Company::Alone,
    },
    Scenario {
        name: "pods without a migration are never touched",
        run: bystanders::untouched,
        seconds: 1,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "full disks and damaged archives cost nothing",
        run: faults::storage::all,
        seconds: 46,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a copy that cannot start costs nothing",
        run: faults::target::all,
        seconds: 54,
        role: Role::Rest("the core undoes moves by a full disk and a damaged archive"),
        company: Company::Alone,
    },
    Scenario {
        name: "a node that falls silent costs nothing",
        run: faults::node::all,
        seconds: 89,
        role: Role::Rest("every silent part is in the simulated world"),
        company: Company::Alone,
    },
    Scenario {
        name: "nodes that do not reach each other cost nothing",
        run: faults::cut_off::all,
        seconds: 54,
        role: Role::Rest("every silent part is in the simulated world"),
        company: Company::Alone,
    },
    Scenario {
        name: "a broker that takes nothing, or loses the hold queue, costs nothing",
        run: faults::broker::all,
        seconds: 35,
        role: Role::Rest("protocol-tested in every run"),
        company: Company::Alone,
    },
    Scenario {
        name: "a node of three brokers that breaks costs a parked consumer nothing",
        run: brokers::nodes_of_a_park,
        seconds: 330,
        role: Role::Whole(
            "the broker's side is protocol-tested on three nodes; the machine's side is in the simulated world",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "three brokers that take or admit nobody cost a parked consumer nothing",
        run: brokers::whole_of_a_park,
        seconds: 300,
        role: Role::Whole(
            "the broker's side is protocol-tested on three nodes; the machine's side is in the simulated world",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "three brokers that restart one by one cost a parked consumer nothing",
        run: brokers::rolling_of_a_park,
        seconds: 280,
        role: Role::Whole(
            "the broker's side is protocol-tested on three nodes; the machine's side is in the simulated world",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "a node of three brokers that breaks costs a held queue nothing",
        run: brokers::nodes_of_a_single_active_queue,
        seconds: 330,
        role: Role::Whole(
            "the broker's side is protocol-tested on three nodes; the machine's side is in the simulated world",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "three brokers that take or admit nobody cost a held queue nothing",
        run: brokers::whole_of_a_single_active_queue,
        seconds: 300,
        role: Role::Whole(
            "the broker's side is protocol-tested on three nodes; the machine's side is in the simulated world",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "three brokers that restart one by one cost a held queue nothing",
        run: brokers::rolling_of_a_single_active_queue,
        seconds: 280,
        role: Role::Whole(
            "the broker's side is protocol-tested on three nodes; the machine's side is in the simulated world",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "a source whose owner changes is left to Kubernetes",
        run: faults::source::all,
        seconds: 163,
        role: Role::Rest("every change of the owner is in the simulated world"),
        company: Company::Alone,
    },
    Scenario {
        name: "a second handoff whose node is cordoned goes elsewhere, or says what to type",
        run: faults::dead_ends::cordoned,
        seconds: 120,
        role: Role::Rest("the simulated world cordons the node in every round"),
        company: Company::Alone,
    },
    Scenario {
        name: "a pod that its StatefulSet would not make anew is refused, or waited for by name",
        run: faults::dead_ends::not_made_anew,
        seconds: 110,
        role: Role::Rest("the simulated world keeps the pod back in every round"),
        company: Company::Alone,
    },
    Scenario {
        name: "who asks the address of an old pod does not keep it",
        run: faults::dead_ends::asked_by_address,
        seconds: 35,
        role: Role::Rest("the simulated world asks it on every route"),
        company: Company::Alone,
    },
    Scenario {
        name: "an application that is too slow to be moved goes on at once",
        run: faults::dead_ends::too_slow,
        seconds: 60,
        role: Role::Rest("the simulated world undoes moves of slow applications on every route"),
        company: Company::Alone,
    },
    Scenario {
        name: "a migration that another program spoils or removes lets its pod go on",
        run: faults::dead_ends::spoiled,
        seconds: 70,
        role: Role::Rest("what such a status leads to is in a table"),
        company: Company::Alone,
    },
    Scenario {
        name: "a migration that is removed after its commit says what is left and what to type",
        run: faults::removed::after_the_commit,
        seconds: 60,
        role: Role::Whole("an administrator has to take the finalizer off for it"),
        company: Company::Alone,
    },
    Scenario {
        name: "a namespace that is deleted in a move is gone within a minute, and what is left is told",
        run: namespaces::deleted,
        seconds: 180,
        role: Role::Rest("each object that goes at each step is played through in the core's tests"),
        company: Company::Alone,
    },
    Scenario {
        name: "a move that ended the controller twice is set aside, and others go on",
        run: aside::twice,
        seconds: 45,
        role: Role::Rest("what is set aside is decided by a table"),
        company: Company::Alone,
    },
    Scenario {
        name: "a Deployment that changes while its pod is moved has its way",
        run: faults::deployment::all,
        seconds: 88,
        role: Role::Rest("every change of the owner is in the simulated world"),
        company: Company::Shared,
    },
    Scenario {
        name: "a controller killed at random moments loses nothing",
        run: kills::controller,
        seconds: 92,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "a controller killed on any other route loses nothing",
        run: kills::other_routes,
        seconds: 145,
        role: Role::Rest(
            "every death in every round is in the simulated world; the core kills on the longest route",
        ),
        company: Company::Alone,
    },
    Scenario {
        name: "agents and helpers killed at random moments lose nothing",
        run: kills::on_nodes,
        seconds: 58,
        role: Role::Rest("every death in every round is in the simulated world"),
        company: Company::Alone,
    },
    Scenario {
        name: "nodes without a runtime handler restore by image",
        run: by_image::without_a_handler,
        seconds: 44,
        role: Role::Rest("the core restores by image on nodes with a handler"),
        company: Company::Alone,
    },
    Scenario {
        name: "three commands make the first move from an empty registry",
        run: first_move::by_three_commands,
        seconds: 60,
        role: Role::Core,
        company: Company::Alone,
    },
    Scenario {
        name: "uninstall leaves the nodes as they were",
        run: removal::uninstall,
        seconds: 41,
        role: Role::Core,
        company: Company::Alone,
    },
];
