//! The words of an enum: the name of each variant, as it is written into a status, and what its documentation says. So that a program
//! can explain a word without a second text beside the first one.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

/// Name and meaning of each variant that is documented, in their order.
pub fn of<T: JsonSchema>() -> Vec<(String, String)> {
    let schema = SchemaGenerator::default().into_root_schema_for::<T>();
    let variants = schema.get("oneOf").and_then(Value::as_array);
    variants.into_iter().flatten().filter_map(told).collect()
}

fn told(variant: &Value) -> Option<(String, String)> {
    let text = |name: &str| Some(variant.get(name)?.as_str()?.to_owned());
    Some((text("const")?, text("description")?.replace('\n', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Phase, Step};
    use crate::doubt::DoubtReason;
    use crate::premise;
    use crate::reason::Reason;

    #[test]
    fn each_variant_has_its_name_and_its_words() {
        let steps = of::<Step>();
        assert_eq!(steps.len(), 15);
        let commit = (
            "Commit".to_owned(),
            "The copy is the truth from here on.".to_owned(),
        );
        assert!(steps.contains(&commit), "{steps:?}");
        let names: Vec<String> = of::<premise::Premise>()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let all: Vec<String> = premise::ALL.iter().map(|one| format!("{one:?}")).collect();
        assert_eq!(names, all);
    }

    #[test]
    fn the_names_are_those_of_a_status() {
        let reads = |name: &str| serde_json::from_value::<Phase>(name.into()).is_ok();
        assert!(of::<Phase>().iter().all(|(name, _)| reads(name)));
        let reason = |name: &str| serde_json::from_value::<Reason>(name.into()).map(|one| one.to_string());
        for (name, _) in of::<Reason>() {
            assert_eq!(reason(&name).unwrap(), name);
        }
        assert!(of::<DoubtReason>().len() > 15);
    }
}
