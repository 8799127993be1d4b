//! The time of each step, as rows tell it.

/// A step of one handoff; `Prepare` and its like belong to handoff 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepTime {
    /// Such as `Hold1`.
    pub(crate) name: String,
    pub(crate) millis: i64,
}

impl StepTime {
    /// Such as `Hold`.
    pub(crate) fn step(&self) -> &str {
        step_of(&self.name)
    }
}

/// `Hold` of `Hold1`.
pub(crate) fn step_of(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// Reads `Stage1=733;Hold1=61`. A step that was done again counts once, with all its time.
pub(crate) fn parse(steps: &str) -> Vec<StepTime> {
    let mut all: Vec<StepTime> = Vec::new();
    for part in steps.split(';') {
        let Some((name, millis)) = part.split_once('=') else {
            continue;
        };
        let Ok(millis) = millis.parse::<i64>() else {
            continue;
        };
        match all.iter_mut().find(|step| step.name == name) {
            Some(known) => known.millis += millis,
            None => all.push(StepTime {
                name: name.to_owned(),
                millis,
            }),
        }
    }
    all
}

/// Those in which nobody consumes: from each hold to its release, in the order in which they were done.
pub(crate) fn of_pauses(all: Vec<StepTime>) -> Vec<StepTime> {
    let mut holding = false;
    let mut kept = Vec::new();
    for step in all {
        holding |= step.step() == "Hold";
        let released = step.step() == "Release";
        if holding {
            kept.push(step);
        }
        holding &= !released;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(steps: &[StepTime]) -> Vec<&str> {
        steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[test]
    fn a_step_that_was_done_again_counts_with_all_its_time() {
        let steps = parse("Prepare0=5;Hold1=61;Stage1=7;Hold1=9");
        assert_eq!(names(&steps), ["Prepare0", "Hold1", "Stage1"]);
        assert_eq!((steps[1].millis, steps[1].step()), (70, "Hold"));
        assert_eq!(parse(""), []);
    }

    #[test]
    fn a_pause_is_from_hold_to_release_whatever_lies_between() {
        let shadow = "Prepare0=1;Stage1=1;Hold1=1;Commit1=1;Exclude1=1;Release1=1;Switch1=1;Stage2=1;Hold2=1;Release2=1;Clean2=1";
        let of = |steps| of_pauses(parse(steps));
        assert_eq!(
            names(&of(shadow)),
            ["Hold1", "Commit1", "Exclude1", "Release1", "Hold2", "Release2"]
        );
        let single_active = "Hold1=1;Switch1=1;Retire1=1;Release1=1;Clean1=1";
        assert_eq!(
            names(&of(single_active)),
            ["Hold1", "Switch1", "Retire1", "Release1"]
        );
    }
}
